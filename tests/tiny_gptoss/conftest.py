"""Fixtures of the tiny gpt-oss's own tests."""

from tests.fixtures.tiny_gptoss import tiny_gptoss, tiny_gptoss_float32

__all__ = ["tiny_gptoss", "tiny_gptoss_float32"]
