"""Faults on demand, outermost in the pipeline of a proxy; no part of Swift.

PUT /__fault takes a JSON rule, GET shows it, DELETE forgets it. A rule has `method`, `path` (a
regular expression on path and query), `count` (default 1, -1 for ever), and what to do: `status`
with `headers` and a JSON `body`, `drop` the connection, or `truncate` the body after so many bytes. With `after` the
request is carried out before its answer is lost.
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
        self.app, self.rule = app, None

    def __call__(self, env, start):
        if env.get("PATH_INFO") == "/__fault":
            return self.control(env, start)
        rule, target = self.rule, env.get("PATH_INFO", "") + "?" + env.get("QUERY_STRING", "")
        if (not rule or rule["count"] == 0
                or rule.get("method", env["REQUEST_METHOD"]) != env["REQUEST_METHOD"]
                or not re.search(rule.get("path", ""), target)):
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
            rule = json.loads(env["wsgi.input"].read())
            self.rule = dict(rule, count=rule.get("count", 1), hits=0)
        elif env["REQUEST_METHOD"] == "DELETE":
            self.rule = None
        answer = json.dumps(self.rule).encode()
        start("200 OK", [("Content-Length", str(len(answer)))])
        return [answer]


def filter_factory(global_conf, **conf):
    return Faults
