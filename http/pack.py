#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Packs a folder of static files into one C source: for each file the whole response, made in advance,
and another one with gzip where that is smaller.

usage: pack.py FOLDER OUTPUT.c
       pack.py --statuses OUTPUT.c    the responses that say only their status

Where there is FOLDER/../page.h, index.html in FOLDER is not a file but the template of the page at /:
{{name}} in it becomes a call of http_fact_name(), declared there. The output depends on the names of the
files, what is in them, and their times: that of the folder's last commit in a git checkout without changes
there, else their own. Those are not later than SOURCE_DATE_EPOCH, if that is set."""
import email.utils
import gzip
import hashlib
import os
import re
import subprocess
import sys

TYPES = {
    "html": "text/html; charset=utf-8",
    "htm": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "mjs": "text/javascript; charset=utf-8",
    "json": "application/json",
    "map": "application/json",
    "webmanifest": "application/manifest+json",
    "txt": "text/plain; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "xml": "application/xml; charset=utf-8",
    "svg": "image/svg+xml; charset=utf-8",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "avif": "image/avif",
    "ico": "image/x-icon",
    "woff": "font/woff",
    "woff2": "font/woff2",
    "ttf": "font/ttf",
    "otf": "font/otf",
    "pdf": "application/pdf",
    "wasm": "application/wasm",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "zip": "application/zip",
    "gz": "application/gzip",
}
UNKNOWN_TYPE = "application/octet-stream"
# Of bytes: what telling of the other form costs each response is to be earned, and more.
COMPRESSION_SAVES_MIN = 128

# Status: reason, further header lines.
STATUSES = {
    304: ("Not Modified", []),
    400: ("Bad Request", []),
    404: ("Not Found", []),
    405: ("Method Not Allowed", ["Allow: GET, HEAD"]),
    406: ("Not Acceptable", ["Vary: Accept-Encoding"]),
    408: ("Request Timeout", []),
    412: ("Precondition Failed", []),
    413: ("Content Too Large", []),
    414: ("URI Too Long", []),
    417: ("Expectation Failed", []),
    431: ("Request Header Fields Too Large", []),
    501: ("Not Implemented", []),
    503: ("Service Unavailable", ["Retry-After: 1"]),
    505: ("HTTP Version Not Supported", []),
}
ERROR_PAGE = (
    '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
    "<title>{status} {reason}</title>\n"
    "<style>:root{{color-scheme:light dark}}body{{margin-top:18vh;text-align:center;font-family:sans-serif}}"
    "</style>\n"
    "<h1>{status}</h1><p>{reason}</p>\n"
    "</html>\n"
)


def literal(data):
    """Bytes as C string literals, a source line for about 90 of its characters."""
    escapes = {0x22: '\\"', 0x5C: "\\\\", 0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t", 0x3F: "\\?"}
    lines, line = [], ""
    for byte in data:
        if byte in escapes:
            line += escapes[byte]
        elif 0x20 <= byte < 0x7F:
            line += chr(byte)
        else:
            line += "\\%03o" % byte
        if len(line) > 90 or byte == 0x0A:
            lines.append(line)
            line = ""
    if line or not lines:
        lines.append(line)
    return "\n".join('    "%s"' % each for each in lines)


def head(status, reason, fields):
    status_line = "HTTP/1.1 %d %s\r\n" % (status, reason)
    return status_line, (status_line + "".join(f + "\r\n" for f in fields) + "\r\n").encode("ascii")


class Output:
    def __init__(self):
        self.blocks = []

    def response(self, status, reason, fields, body=b""):
        """Adds a response's bytes. Returns its struct http_response initialiser."""
        status_line, head_bytes = head(status, reason, fields)
        name = "response_%d" % len(self.blocks)
        size = len(head_bytes) + len(body)
        self.blocks.append(
            "static const char %s[%d] NONSTRING =\n%s;\n" % (name, size, literal(head_bytes + body))
        )
        return "{%s, %d, %d, %d, %d}" % (name, len(status_line), len(head_bytes), size, status)


def read_files(folder):
    files = {}
    committed = commit_seconds(folder)
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if name.startswith("."):
                continue
            full = os.path.join(root, name)
            path = "/" + os.path.relpath(full, folder).replace(os.sep, "/")
            if not re.fullmatch(r"[A-Za-z0-9/._-]+", path) or "/." in path:
                sys.exit("pack.py: %s: a path may hold only A-Z a-z 0-9 . _ -" % full)
            with open(full, "rb") as file:
                files[path] = modified_seconds(full, committed), file.read()
    return files


def git(folder, *arguments):
    """Returns: what git says, or None where there is no git or no checkout."""
    try:
        done = subprocess.run(["git", "-C", folder, *arguments], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def commit_seconds(folder):
    """When the folder was committed as it is, the same in each checkout; None if it was not."""
    if git(folder, "status", "--porcelain", "--ignored", "--", ".") != "":
        return None
    seconds = git(folder, "log", "-1", "--format=%ct", "--", ".")
    return int(seconds) if seconds else None


def modified_seconds(full_path, committed):
    seconds = int(os.stat(full_path).st_mtime) if committed is None else committed
    return min(seconds, int(os.environ.get("SOURCE_DATE_EPOCH", seconds)))


def form_entry(output, content_type, modified, body, encoding, has_others):
    """One stored form of a file. Returns: its struct http_form initialiser."""
    etag = '"%s"' % hashlib.sha256(body).hexdigest()[:20]
    validators = ["ETag: " + etag, "Last-Modified: " + email.utils.formatdate(modified, usegmt=True),
                  "Cache-Control: no-cache"] + ["Vary: Accept-Encoding"] * has_others
    own = ["Content-Type: " + content_type, "Content-Length: %d" % len(body)]
    shared = ["Content-Encoding: " + encoding] if encoding else []
    shared += ["Accept-Ranges: bytes", "X-Content-Type-Options: nosniff"] + validators
    full = output.response(200, "OK", own + shared, body)
    not_modified = output.response(304, "Not Modified", validators)
    return '{"%s",\n      %s,\n      %s,\n      %d}' % (
        etag.replace('"', '\\"'), full, not_modified, len(head(200, "OK", own)[1]) - len("\r\n"))


def file_entries(output, path, modified, body):
    """Returns: the struct http_resource initialisers of a file, by path; a folder's index.html is there
    under the folder's name, too."""
    suffix = path.rsplit("/", 1)[-1].rpartition(".")[2].lower()
    content_type = TYPES.get(suffix, UNKNOWN_TYPE)
    compressed = gzip.compress(body, 9, mtime=0)
    is_worth_it = len(compressed) + COMPRESSION_SAVES_MIN <= len(body)
    forms = form_entry(output, content_type, modified, body, None, is_worth_it)
    if is_worth_it:
        forms += ",\n      " + form_entry(output, content_type, modified, compressed, "gzip", True)
    paths = [path]
    if path.endswith("/index.html"):
        paths.append(path[:-len("index.html")])
    row = ('    {.path = "%s",\n     .path_length = %d,\n     .content_type = "%s",\n     .forms = {%s},\n'
           "     .modified_unix_seconds = %d},\n")
    return {each: row % (each, len(each), content_type, forms, modified) for each in paths}


def status_entry(output, status):
    reason, extra = STATUSES[status]
    if status == 304:  # has no body, so nothing that describes one
        return "    %s,\n" % output.response(status, reason, ["Cache-Control: no-store"])
    body = ERROR_PAGE.format(status=status, reason=reason).encode("ascii")
    fields = ["Content-Type: text/html; charset=utf-8", "Content-Length: %d" % len(body),
              "Cache-Control: no-store"] + extra
    return "    %s,\n" % output.response(status, reason, fields, body)


def template_entries(template, source):
    parts = re.split(r"\{\{([a-z_]+)\}\}", template.decode("utf-8"))
    if any("{{" in text or "}}" in text for text in parts[0::2]):
        sys.exit("pack.py: %s: a {{ without its }}, or a name other than a-z and _" % source)
    entries = []
    for i in range(0, len(parts), 2):
        text = parts[i].encode("utf-8")
        fact = "http_fact_" + parts[i + 1] if i + 1 < len(parts) else "NULL"
        entries.append("    {\n%s,\n     %d, %s},\n" % (literal(text), len(text), fact))
    return entries


def table(type_name, name, rows):
    return ["\nconst %s %s[] = {\n" % (type_name, name), *rows, "};\n",
            "const size_t %s_count = ARRAY_COUNT(%s);\n" % (name, name)]


def write(target, headers, output, tables):
    text = ["// Made by http/pack.py; do not edit.\n",
            *('#include "%s"\n' % header for header in sorted(headers)),
            "\n#define NONSTRING __attribute__((nonstring))\n\n", *output.blocks, *tables]
    with open(target, "w", encoding="ascii", newline="\n") as file:
        file.write("".join(text))


def pack_statuses(target):
    output = Output()
    statuses = [status_entry(output, status) for status in sorted(STATUSES)]
    write(target, ["http/resources.h"], output,
          table("struct http_response", "http_status_responses", statuses))


def pack_files(folder, target):
    files = read_files(folder)
    page = os.path.join(os.path.dirname(folder), "page.h")
    template = files.pop("/index.html", None) if os.path.exists(page) else None
    output = Output()
    entries = {}
    for path in sorted(files):
        entries.update(file_entries(output, path, *files[path]))
    rows = [entries[path] for path in sorted(entries, key=lambda path: (len(path), path.encode()))]
    headers = ["http/resources.h"]
    tables = table("struct http_resource", "http_files", rows)
    if template is not None:
        headers.append(page)
        pieces = template_entries(template[1], os.path.join(folder, "index.html"))
        tables += table("struct http_page_piece", "http_index_pieces", pieces)
    write(target, headers, output, tables)


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, target = sys.argv[1:]
    if source == "--statuses":
        pack_statuses(target)
    else:
        pack_files(source, target)


if __name__ == "__main__":
    main()
