"""What all tables of the settings have in common.

Owns how strictly a table is read. Does not own any setting.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(min_length=1)]
"""A text that is not empty."""


class Section(BaseModel):
    """A table: an unknown key is an error, and values do not change."""

    # Not use_attribute_docstrings: it reads and parses the file at every start (8 ms);
    # config/schema reads the docstrings when a schema is wanted.
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
