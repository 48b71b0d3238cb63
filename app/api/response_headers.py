"""ASGI middleware that adds headers against misuse of answers in a browser."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# An answer is data: opened by itself, an SVG or a problem runs no script and loads nothing.
DATA_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
# Swagger UI starts with a script inside the page, and has its icons in the style sheet.
PAGE_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "frame-ancestors 'none'"
)


FIXED = (
    (b"x-content-type-options", b"nosniff"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"same-origin"),  # an address may have the token of a link
)


class ResponseHeadersMiddleware:
    """Let no page of another origin frame or embed an answer, and no browser guess its type."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"] = list(message.get("headers", ()))
                present = dict(headers)
                is_page = present.get(b"content-type", b"").startswith(b"text/html")
                policy = (b"content-security-policy", (PAGE_POLICY if is_page else DATA_POLICY).encode())
                headers += [(name, value) for name, value in (policy, *FIXED) if name not in present]
            await send(message)

        await self.app(scope, receive, with_headers)
