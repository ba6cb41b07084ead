"""A refusal as a page shows it: what happened in the reader's language, MCD's own sentence, and where to go on.

Pure. It must not say more than the refusal itself does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mcd.api.portal.words import n_
from mcd.api.shapes import ProblemDetails

TITLES: Mapping[int, str] = {
    400: n_("The request is not understood"),
    401: n_("You are not signed in"),
    403: n_("This is not yours to do"),
    404: n_("There is nothing here that you can see"),
    405: n_("This cannot be done here"),
    408: n_("The form did not arrive in time"),
    409: n_("Somebody or something else was faster"),
    412: n_("It changed since you looked"),
    413: n_("That is too much at a time"),
    415: n_("The form was not understood"),
    422: n_("Something in the form is wrong"),
    428: n_("It changed since you looked"),
    429: n_("Too many requests"),
    500: n_("A bug in MCD"),
    503: n_("Something that is needed does not answer"),
}

STEPS: Mapping[int, str] = {
    401: n_("Sign in and do it again. Nothing was changed."),
    403: n_("Nothing was changed. Ask an owner of the product line, or an admin."),
    404: n_("Check the address. It may have been deleted, or belong to a product line that you are not a member of."),
    409: n_("Look at it again, then decide again. Nothing was changed."),
    412: n_("Look at it again, then decide again. Nothing was changed."),
    422: n_("Go back, mend it and send it again. Nothing was changed."),
    428: n_("Look at it again, then decide again. Nothing was changed."),
    429: n_("Wait a moment, then try again. Nothing was changed."),
    500: n_("It is logged. Tell an admin the request id below."),
    503: n_("Try again in a moment. What runs in the clusters is not affected."),
}


@dataclass(frozen=True, slots=True)
class Refused:
    status: int
    title: str
    step: str
    detail: str
    """MCD's own sentence, in English."""
    problems: tuple[str, ...]
    request_id: str
    signed_in: bool


def refusal(body: ProblemDetails, *, signed_in: bool) -> Refused:
    problems = [f"{p.field}: {p.message} {p.hint}".strip() for p in body.problems]
    return Refused(
        status=body.status,
        title=TITLES.get(body.status, n_("This did not work")),
        step=STEPS.get(body.status, n_("Nothing was changed.")),
        detail=body.detail[:1].upper() + body.detail[1:],
        problems=tuple(problems[:50]),
        request_id=body.request_id,
        signed_in=signed_in,
    )
