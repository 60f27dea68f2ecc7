"""Errors of the engine's HTTP API, in the shape of OpenAI's error objects.

Owns status, code and wording as data. Does not own sending them (``responses``).
Shape: https://platform.openai.com/docs/guides/error-codes
"""


class ApiError(Exception):
    """A request that cannot be served; ``message`` is a sentence with the next step.

    Args:
        status: the HTTP status.
        code: the machine-readable reason, as ``context_length_exceeded``.
        message: what happened and what to do.
        param: the request field at fault, if one is.
        figures: further numbers for the error object.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        param: str | None = None,
        **figures: int,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.param = param
        self.figures = figures

    def body(self) -> dict[str, object]:
        """The error object that goes over HTTP."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        return {
            "error": {
                "message": self.message,
                "type": kind,
                "param": self.param,
                "code": self.code,
                **self.figures,
            }
        }


def bad_request(message: str, *, param: str | None = None) -> ApiError:
    """A 400 for a request that breaks the API's rules."""
    return ApiError(400, "invalid_request", message, param=param)


def shutting_down() -> ApiError:
    """A 503 for whatever the engine cannot finish because it is leaving."""
    return ApiError(503, "engine_stopping", "The engine is shutting down; send it again.")


def model_failed() -> ApiError:
    """A 500 for a fault while answering whose reason is for the log."""
    message = "The model failed while answering; the engine's log has the reason."
    return ApiError(500, "model_failed", message)


def context_exceeded(length: int, window: int) -> ApiError:
    """A 400 for a prompt of ``length`` tokens that leaves no room in the model's window."""
    return ApiError(
        400,
        "context_length_exceeded",
        f"The conversation has {length} tokens, the model's window {window}; "
        "start a new session or send less.",
        param="messages",
        prompt_tokens=length,
        context_size=window,
    )


def without_traceback(error: ApiError) -> ApiError:
    """``error`` as a value: its traceback would keep all that the frames held in memory."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
