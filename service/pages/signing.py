"""The page where a person shows a token, and the button that ends that."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from fastapi.responses import RedirectResponse, Response

from service.access import COOKIE, SESSION_SECONDS, Access
from service.door import TOO_MANY
from service.pages.frame import asked, fields, page_of, serve_form, serve_page, within

PATH = "/sign-in"

Fields = Annotated[dict[str, str], Depends(fields)]


def add(app: FastAPI) -> None:
    """Hang the pages on the service."""
    serve_page(app, PATH, signing_page)
    serve_form(app, PATH, sign_in)
    serve_form(app, "/sign-out", sign_out)


def signing_page(request: Request) -> Response:
    """Ask for a token."""
    return show(request, HTTPStatus.OK)


def sign_in(request: Request, sent: Fields) -> Response:
    """Let a browser in whose person has a token, and lead to the page that was wanted."""
    access: Access = request.app.state.access
    onward = within(sent.get("next", ""))
    role = access.role_of(sent.get("token", "").strip())
    if access.wanted and role is None:
        if wait := access.wrong():
            headers = {"Retry-After": str(wait)}
            return show(request, HTTPStatus.TOO_MANY_REQUESTS, trouble=TOO_MANY, onward=onward, headers=headers)
        return show(request, HTTPStatus.UNAUTHORIZED, trouble="that is not a token of this service", onward=onward)
    response = RedirectResponse(onward, HTTPStatus.SEE_OTHER)
    if role:
        response.set_cookie(
            COOKIE,
            access.session(role),
            max_age=SESSION_SECONDS,
            path="/",
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
    return response


def sign_out(request: Request) -> Response:
    """Have the browser forget that it was let in, and what it keeps of the pages."""
    response = RedirectResponse(PATH, HTTPStatus.SEE_OTHER, headers={"Clear-Site-Data": '"cache", "storage"'})
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict", secure=request.url.scheme == "https")
    return response


def show(
    request: Request,
    status: int,
    *,
    trouble: str = "",
    onward: str | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """The page that asks for a token; it leads on to `onward`, else to the page that was asked for."""
    if onward is None:
        onward = asked(request) if request.method == "GET" and request.url.path != PATH else "/"
    # a link on another site brings no cookie along, though the person may have signed in
    strayed = request.headers.get("sec-fetch-site") == "cross-site"
    return page_of(
        request, "signing.html", status=status, headers=headers, trouble=trouble, onward=onward, strayed=strayed
    )
