"""What stands behind nginx in tests, on port 3000 of an address: tells what it was asked, and streams events."""
import http.server
import json
import sys
import threading


class Upstream(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    may_go_on = threading.Event()

    def do_GET(self):
        if self.path == "/v1/events":
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(b"data: first\n\n")
            self.wfile.flush()
            self.may_go_on.wait()
            self.wfile.write(b"data: second\n\n")
            self.close_connection = True
            return
        self.answer()

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        if len(self.rfile.read(length)) != length:
            return
        if self.path == "/go-on":
            self.may_go_on.set()
        self.answer()

    def answer(self):
        print(f"asked: {self.command} {self.path}", flush=True)
        body = json.dumps({"path": self.path, "headers": self.headers.items()}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer((sys.argv[1], 3000), Upstream)
print("upstream is ready", flush=True)
server.serve_forever()
