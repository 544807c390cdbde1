"""Bodies that change what exists: what they name is changed, what they leave out is kept."""

from typing import Any, Final

from cinema_shared.http.fields import Body, ReadOnly
from pydantic import Field

# The default of a field that PATCH may leave out. A factory, so that the OpenAPI document does not
# say that null would do.
LEFT_OUT: Final[Any] = Field(default_factory=lambda: None)


class Changes(Body):
    """The base of what PUT and PATCH take."""

    id: ReadOnly

    def sent(self) -> dict[str, Any]:
        """The fields that the client has sent and may change."""
        return {
            name: getattr(self, name)
            for name, field in type(self).model_fields.items()
            if name in self.model_fields_set and not field.exclude
        }
