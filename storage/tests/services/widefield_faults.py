"""Faults on demand, outermost in the pipeline of a proxy; no part of Swift.

PUT /__fault takes a JSON rule or a list of rules, of which the first that fits is applied; GET shows the last one, DELETE
forgets all. A rule has `method`, `path` (a regular expression on path and query), `skip` (so many requests are let
through first), `count` (default 1, -1 for ever), and what to do: `status` with `headers` and a JSON `body`, `drop` the
connection, or `truncate` the body after so many bytes. With `after` the request is carried out before its answer is lost.
"""
import json
import re
import socket


class Pushed(bytes):
    """Bytes that the server does not hold back to send them together with more."""

    def __len__(self):
        return 1 << 16


def hang_up(stream):
    try:
        stream.get_socket().shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


class Faults:
    def __init__(self, app):
        self.app, self.rules = app, []

    def __call__(self, env, start):
        if env.get("PATH_INFO") == "/__fault":
            return self.control(env, start)
        target = env.get("PATH_INFO", "") + "?" + env.get("QUERY_STRING", "")
        rule = next((rule for rule in self.rules if self.fits(rule, env["REQUEST_METHOD"], target)), None)
        if rule is None:
            return self.app(env, start)
        rule["count"] -= rule["count"] > 0
        rule["hits"] += 1
        stream = env["wsgi.input"]
        if rule.get("after"):
            for _ in self.app(env, lambda *answer: lambda body: None):
                pass
        if rule.get("drop"):
            hang_up(stream)
            start("500 Dropped", [("Content-Length", "0"), ("Connection", "close")])
            return [b""]
        if "truncate" in rule:
            return self.cut(self.app(env, start), rule["truncate"], stream)
        body = b"" if env["REQUEST_METHOD"] == "HEAD" else json.dumps(rule.get("body", "fault")).encode()
        headers = list(rule.get("headers", {}).items()) + [("Content-Length", str(len(body)))]
        start("%d Fault" % rule["status"], headers)
        return [body]

    @staticmethod
    def fits(rule, method, target):
        if rule["count"] == 0 or rule.get("method", method) != method or not re.search(rule.get("path", ""), target):
            return False
        rule["skip"] -= 1
        return rule["skip"] < 0

    @staticmethod
    def cut(body, left, stream):
        for chunk in body:
            if len(chunk) >= left:
                yield Pushed(chunk[:left])
                hang_up(stream)
                return
            left -= len(chunk)
            yield chunk

    def control(self, env, start):
        if env["REQUEST_METHOD"] == "PUT":
            rules = json.loads(env["wsgi.input"].read())
            rules = rules if isinstance(rules, list) else [rules]
            self.rules = [{"count": 1, "skip": 0, **rule, "hits": 0} for rule in rules]
        elif env["REQUEST_METHOD"] == "DELETE":
            self.rules = []
        answer = json.dumps(self.rules[-1] if self.rules else None).encode()
        start("200 OK", [("Content-Length", str(len(answer)))])
        return [answer]


def filter_factory(global_conf, **conf):
    return Faults
