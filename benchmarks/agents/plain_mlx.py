"""What to compare with: mlx_lm.stream_generate in a loop, one prompt a line of stdin.

Arguments: model folder, most tokens. Prints a JSON object a prompt: tokens, seconds to
the first one, seconds of all.
"""

import json
import sys
import time
from typing import Any

import mlx_lm


def main() -> None:
    """Loads the model and answers until stdin ends."""
    folder, limit = sys.argv[1], int(sys.argv[2])
    library: Any = mlx_lm
    model, tokenizer, *_ = library.load(folder)
    print(json.dumps({"loaded": folder}), flush=True)
    for line in sys.stdin:
        messages = [{"role": "user", "content": line.strip()}]
        prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True)
        start = time.perf_counter()
        first, tokens = 0.0, 0
        for response in library.stream_generate(model, tokenizer, prompt, max_tokens=limit):
            first = first or time.perf_counter() - start
            tokens = response.generation_tokens
        seconds = time.perf_counter() - start
        print(json.dumps({"tokens": tokens, "first": first, "seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
