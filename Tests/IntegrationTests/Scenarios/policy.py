"""A policy service for tests: what it answers is chosen by the path. It prints its port, then each question."""
import http.server
import sys
import time


class Policy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        question = self.rfile.read(int(self.headers["Content-Length"])).decode()
        print(f"{self.path} {self.headers['Content-Type']} {question}", flush=True)
        allow = b'{"decision":"allow"}'
        answers = {
            "/allow": (200, "application/json", allow),
            "/charset": (200, "application/json; charset=utf-8", allow),
            "/deny": (200, "application/json", b'{"decision":"deny","reason":"not on a Sunday"}'),
            "/maybe": (200, "application/json", b'{"decision":"maybe"}'),
            "/list": (200, "application/json", b'["allow"]'),
            "/broken": (200, "application/json", b'{"decision":"al'),
            "/page": (200, "text/html", allow),
            "/empty": (200, "application/json", b""),
            "/failed": (500, "application/json", allow),
            "/forbidden": (403, "application/json", b'{"decision":"deny"}'),
            "/huge": (200, "application/json", allow + b" " * 20_000_000),
            "/slow": (200, "application/json", allow),
            "/late": (200, "application/json", allow),
        }
        if self.path == "/redirect":
            self.send_response(307)
            self.send_header("Location", "/allow")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.path == "/hangup":
            self.close_connection = True
            self.connection.close()
            return
        status, kind, body = answers[self.path]
        if self.path == "/slow":
            time.sleep(5)
        if self.path == "/late":
            time.sleep(0.5)
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            pass

    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Policy)
server.daemon_threads = True
print("policy service is ready", flush=True)
server.serve_forever()
