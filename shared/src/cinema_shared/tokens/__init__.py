"""Access tokens: who is calling, checked by every process for itself, off auth's request path."""

from cinema_shared.tokens.dependencies import CurrentUser, OptionalUser, StaffUser
from cinema_shared.tokens.principal import Principal
from cinema_shared.tokens.trust import AuthServiceSource, Revocations, Trust, TrustSource
from cinema_shared.tokens.verifier import ACCESS_TOKEN_TYPE, ALGORITHM, Verifier

__all__ = [
    "ACCESS_TOKEN_TYPE",
    "ALGORITHM",
    "AuthServiceSource",
    "CurrentUser",
    "OptionalUser",
    "Principal",
    "Revocations",
    "StaffUser",
    "Trust",
    "TrustSource",
    "Verifier",
]
