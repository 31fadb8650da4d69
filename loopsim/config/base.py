"""What every section of the configuration is: immutable, and closed to keys that it does not know."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Weight = Annotated[float, Field(ge=0)]


class Section(BaseModel):
    """Base of every section: immutable, and closed to keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def at(self, generation: int) -> Self:
        """Return the section as it stands for one generation: of a schedule only that generation's value."""
        return self

    @field_validator("*")
    @classmethod
    def _sorted(cls, value: Any) -> Any:
        # A run's stored config lists keys in alphabetical order: what follows from their order must be the
        # same before and after.
        return _sorted(value)


def _sorted(value: Any) -> Any:
    return {key: _sorted(value[key]) for key in sorted(value)} if isinstance(value, dict) else value
