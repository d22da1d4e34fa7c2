"""The plugin's end of gpuline's plugin protocol, version 1, in Python (see docs/plugin-protocol.md).

A plugin is a class with some of the methods open(host), gather(), process(rows), flush(now, final),
write(rows) and close(). Rows are lists of Row. serve() does the rest:

    serve("1.0.0", [Definition(INPUT, "loadavg", "Load of the host.", LoadAverage, options=[...])])

It needs python3-grpcio and python3-protobuf, and the module plugin_pb2 that protoc makes of plugin.proto.
"""

import base64
import json
import logging
import os
import queue
import signal
import ssl
import subprocess
import sys
import threading
import time
from concurrent import futures
from dataclasses import dataclass, field

import grpc

import plugin_pb2 as pb

INPUT, PROCESSOR, OUTPUT = pb.INPUT, pb.PROCESSOR, pb.OUTPUT
GAUGE, COUNTER, INFO = pb.GAUGE, pb.COUNTER, pb.INFO
FLOAT, INT, UINT, BOOL, STRING = pb.FLOAT, pb.INT, pb.UINT, pb.BOOL, pb.STRING
SAMPLE, RESULT, EVENT, INFORMATION = range(4)
ABSORBED, MADE, HIDDEN = 4, 8, 16  # bits of a state, beside the class

MASK64 = (1 << 64) - 1
MAX_ROWS = 4096  # in a message
MAX_BYTES = 1 << 20


@dataclass
class Field:
    value: object
    type: int = FLOAT
    kind: int = GAUGE
    unit: str = ""


@dataclass
class Row:
    name: str
    time: int  # ns since 1970
    tags: dict = field(default_factory=dict)
    fields: dict = field(default_factory=dict)  # name -> Field, in order
    state: int = SAMPLE
    annotations: tuple = ()  # of (key, value), sorted
    origin: tuple = None  # (name, ((key, value), ...))
    hidden: tuple = ()  # slots that a filter hides
    read: tuple = None  # of an absorbed row, the names of the fields that windows have read; None for all


@dataclass
class Definition:
    role: int
    name: str
    summary: str
    make: type  # called with the configuration, a dict; a ValueError says what is wrong with it
    options: list = field(default_factory=list)
    sample: str = ""


class NoData(Exception):
    """There is nothing to report now."""


class Permanent(Exception):
    """Trying again is useless."""


class Partial(Exception):
    """All rows were delivered but some, given by their positions."""

    def __init__(self, rejected, why):
        super().__init__(why)
        self.rejected = sorted(rejected)


def text(raw):
    """Strings are bytes on the wire: what is not UTF-8 survives the way through Python."""
    return raw.decode("utf-8", "surrogateescape")


def raw(string):
    return string.encode("utf-8", "surrogateescape")


def signed(n):
    n &= MASK64
    return n - (1 << 64) if n >> 63 else n


def split(texts):
    out, at = [], 0
    for length in texts.lengths:
        out.append(text(texts.text[at : at + length]))
        at += length
    return out


def runs(values):
    out = []
    for v in values:
        if out and out[-1] == v:
            out[-2] += 1
        else:
            out += [1, v]
    return out


def expand(list_, n):
    out = []
    for i in range(0, len(list_), 2):
        out += [list_[i + 1]] * list_[i]
    return out or [0] * n


class Decoder:
    """Turns the messages of one stream into rows. Its dictionaries live as long as the stream."""

    def __init__(self):
        self.strings, self.series, self.notes, self.shapes = [], [], [], []

    def tags(self, list_):
        return tuple((self.strings[list_[i]], self.strings[list_[i + 1]]) for i in range(0, len(list_), 2))

    def decode(self, b):
        if b.fresh:
            self.__init__()
        self.strings += split(b.strings)
        self.series += [(self.strings[s.name], self.tags(s.tags)) for s in b.series]
        self.notes += [self.tags(a.tags) for a in b.annotations]
        for s in b.shapes:
            fields = [(self.strings[f.name], f.type, f.kind, self.strings[f.unit - 1] if f.unit else "") for f in s.fields]
            read = tuple(f[0] for slot, f in enumerate(fields) if slot not in s.unread) if s.unread else None
            self.shapes.append((fields, tuple(s.hidden), read))
        shapes = expand(b.row_shapes, 0)
        texts = split(b.texts)
        order = list(dict.fromkeys(shapes))  # of first sight
        columns, at = {}, 0
        for number in order:
            fields = self.shapes[number][0]
            n = shapes.count(number)
            columns[number] = [iter(self.column(b.columns[at + i], f[1], n, texts)) for i, f in enumerate(fields)]
            at += len(fields)
        states, notes, origins = (expand(l, b.rows) for l in (b.row_states, b.row_annotations, b.row_origins))
        rows, now = [], 0
        for i in range(b.rows):
            now = signed(now + b.row_times[i])
            name, tags = self.series[b.row_series[i]]
            fields, hidden, read = self.shapes[shapes[i]]
            row = Row(name, now, dict(tags), state=states[i], hidden=hidden, read=read)
            for f, column in zip(fields, columns[shapes[i]]):
                row.fields[f[0]] = Field(next(column), f[1], f[2], f[3])
            if notes[i]:
                row.annotations = self.notes[notes[i] - 1]
            if origins[i]:
                row.origin = self.series[origins[i] - 1]
            rows.append(row)
        return rows

    @staticmethod
    def column(c, type_, n, texts):
        if type_ == FLOAT:
            return list(c.floats)
        if type_ == BOOL:
            return [bool(c.bools[i // 8] >> i % 8 & 1) for i in range(n)]
        if type_ == STRING:
            return [texts[i] for i in c.texts]
        out, value = [], 0
        for delta in c.integers:
            value = (value + delta) & MASK64
            out.append(signed(value) if type_ == INT else value)
        return out


class Index(dict):
    """Numbers what it is asked for in order of first sight."""

    def of(self, key):
        return self.setdefault(key, len(self))


def encode(rows, tally=None):
    """Turns rows into messages, each with dictionaries of its own: that is simple, and always right."""
    parts, part, size = [], [], 0
    for row in rows:
        need = 64 + sum(11 + (len(raw(f.value)) if f.type == STRING else 0) for f in row.fields.values())
        if part and (len(part) == MAX_ROWS or size + need > MAX_BYTES):
            parts.append(part)
            part, size = [], 0
        part.append(row)
        size += need
    parts.append(part)
    messages = [encode_part(part) for part in parts]
    if tally:
        messages[0].tally.CopyFrom(tally)
    return messages


def put_texts(texts, index):
    encoded = [raw(s) for s in index]
    texts.text = b"".join(encoded)
    texts.lengths.extend(len(s) for s in encoded)


def encode_part(rows):
    b = pb.Batch(fresh=True, rows=len(rows))
    strings, series, notes, shapes, texts = Index(), Index(), Index(), Index(), Index()
    groups = {}
    row_shapes, row_notes, row_origins, before = [], [], [], 0
    for row in rows:
        fields = tuple((name, f.type, f.kind, f.unit) for name, f in row.fields.items())
        unread = () if row.read is None else tuple(i for i, name in enumerate(row.fields) if name not in row.read)
        number = shapes.of((fields, tuple(row.hidden), unread))
        groups.setdefault(number, []).append(row)
        row_shapes.append(number)
        b.row_series.append(series.of((row.name, tuple(sorted(row.tags.items(), key=lambda t: raw(t[0]))))))
        b.row_times.append(signed(row.time - before))
        before = row.time
        row_notes.append(notes.of(row.annotations) + 1 if row.annotations else 0)
        row_origins.append(series.of(row.origin) + 1 if row.origin else 0)
    b.row_shapes.extend(runs(row_shapes))
    for column, values in (
        (b.row_states, [row.state for row in rows]),
        (b.row_annotations, row_notes),
        (b.row_origins, row_origins),
    ):
        if any(values):
            column.extend(runs(values))

    def tags(list_):
        return [strings.of(s) for tag in list_ for s in tag]

    for name, list_ in series:
        b.series.add(name=strings.of(name), tags=tags(list_))
    for list_ in notes:
        b.annotations.add(tags=tags(list_))
    for fields, hidden, unread in shapes:
        shape = b.shapes.add(hidden=hidden, unread=unread)
        for name, type_, kind, unit in fields:
            shape.fields.add(name=strings.of(name), unit=strings.of(unit) + 1 if unit else 0, type=type_, kind=kind)
    for group in groups.values():
        for name, f in group[0].fields.items():
            encode_column(b.columns.add(), f.type, [row.fields[name].value for row in group], texts)
    put_texts(b.strings, strings)
    put_texts(b.texts, texts)
    return b


def encode_column(c, type_, values, texts):
    if type_ == FLOAT:
        c.floats.extend(values)
    elif type_ == BOOL:
        bits = bytearray((len(values) + 7) // 8)
        for i, v in enumerate(values):
            bits[i // 8] |= bool(v) << i % 8
        c.bools = bytes(bits)
    elif type_ == STRING:
        c.texts.extend(texts.of(v) for v in values)
    else:
        before = 0
        for v in values:
            c.integers.append(signed(v - before))
            before = v


def error_of(e):
    if isinstance(e, Partial):
        return pb.Error(code=pb.Error.PARTIAL, text=str(e), rejected=e.rejected)
    code = pb.Error.OTHER
    if isinstance(e, NoData):
        code = pb.Error.NO_DATA
    elif isinstance(e, Permanent):
        code = pb.Error.PERMANENT
    return pb.Error(code=code, text=str(e) or type(e).__name__)


def faults_of(definition, config):
    """What is wrong with a configuration: unknown keys, and what the plugin itself says."""
    known = [o["key"] for o in definition.options]
    faults = [pb.Fault(path=[key], problem="unknown key") for key in config if key not in known]
    if not faults:
        try:
            definition.make(config)
        except ValueError as e:
            faults.append(pb.Fault(problem=str(e)))
    return faults


class Instance:
    """One stream: one plugin at work. A thread receives, another calls the plugin."""

    def __init__(self, service, requests):
        self.service, self.requests = service, requests
        self.out, self.calls = queue.Queue(), queue.Queue()
        self.decoder, self.parts, self.plugin = Decoder(), [], None

    def run(self):
        threading.Thread(target=self.receive, daemon=True).start()
        while (m := self.out.get()) is not None:
            yield m

    def receive(self):
        worker = None
        try:
            for m in self.requests:
                kind = m.WhichOneof("body")
                if kind == "open":
                    if not self.open(m.open):
                        return
                    worker = threading.Thread(target=self.work, daemon=True)
                    worker.start()
                elif kind == "ping":
                    self.out.put(pb.PluginMessage(pong=pb.Pong(number=m.ping.number)))
                elif kind in ("process", "write"):
                    call = getattr(m, kind)
                    self.parts += self.decoder.decode(call.batch)
                    if not call.more:
                        self.calls.put((kind, call, self.parts))
                        self.parts = []
                elif kind in ("gather", "flush"):
                    self.calls.put((kind, getattr(m, kind), []))
                elif kind == "close":
                    self.calls.put(None)
                    worker.join()
                    if hasattr(self.plugin, "close"):
                        self.plugin.close()
                    self.out.put(pb.PluginMessage(closed=pb.Closed()))
                    return
        except grpc.RpcError:
            pass  # the agent has gone
        finally:
            self.calls.put(None)
            self.out.put(None)

    def open(self, o):
        error = None
        try:
            definition = self.service.find(o.role, o.plugin)
            self.plugin = definition.make(json.loads(o.config or b"{}"))
            logging.getLogger().setLevel(o.log_level.upper().replace("WARN", "WARNING"))
            if hasattr(self.plugin, "open"):
                self.plugin.open(o.host)
        except Exception as e:  # pylint: disable=broad-except
            error = error_of(e)
        self.out.put(pb.PluginMessage(opened=pb.Opened(error=error, traits=traits(self.plugin))))
        return error is None

    def work(self):
        while (item := self.calls.get()) is not None:
            self.answer(*item)

    def answer(self, kind, call, rows):
        before, error, made = len(rows), None, rows
        try:
            if kind == "gather":
                made = self.plugin.gather()
            elif kind == "flush":
                made = self.plugin.flush(call.now, call.final) if hasattr(self.plugin, "flush") else []
            elif kind == "process":
                made = self.plugin.process([r for r in rows if not r.state & HIDDEN], rows)
            else:
                self.plugin.write(rows)
        except Exception as e:  # pylint: disable=broad-except
            error, made = error_of(e), rows
            if not isinstance(e, (NoData, Permanent, Partial)):
                logging.exception("%s failed", kind)
        if kind == "write":
            self.out.put(pb.PluginMessage(reply=pb.Reply(call=call.call, error=error)))
            return
        tally = pb.Tally(added=max(len(made) - before, 0))
        if len(made) < before:
            tally.drops.add(reason="dropped_by_plugin", count=before - len(made))
        messages = encode(made, tally)
        for i, b in enumerate(messages):
            last = i == len(messages) - 1
            self.out.put(pb.PluginMessage(reply=pb.Reply(call=call.call, batch=b, more=not last, error=error if last else None)))


def traits(plugin):
    return pb.Traits(flushes=hasattr(plugin, "flush"))


class Service:
    def __init__(self, version, definitions):
        self.version, self.definitions = version, definitions

    def find(self, role, name):
        for d in self.definitions:
            if (d.role, d.name) == (role, name):
                return d
        raise Permanent(f"the program has no plugin {name}")

    def describe(self, _request, _context):
        d = pb.Description(version=self.version, capabilities=["unread"])
        for p in self.definitions:
            definition = d.plugins.add(role=p.role, name=p.name, summary=p.summary, sample=p.sample)
            for o in p.options:
                definition.options.add(**o)
        return d

    def check(self, request, _context):
        definition = self.find(request.role, request.plugin)
        config = json.loads(request.config or b"{}")
        faults = faults_of(definition, config)
        if faults:
            return pb.CheckReply(faults=faults)
        return pb.CheckReply(traits=traits(definition.make(config)))

    def run(self, requests, _context):
        yield from Instance(self, requests).run()


class JSONLines(logging.Formatter):
    """The agent takes such lines over into its own log."""

    def format(self, record):
        line = {"level": record.levelname.replace("WARNING", "WARN").replace("CRITICAL", "ERROR"), "msg": record.getMessage()}
        if record.exc_info:
            line["stack"] = self.formatException(record.exc_info)
        return json.dumps(line)


def lifeline():
    """Ends the process when the agent closes our standard input, as its death does."""
    sys.stdin.buffer.read()
    os._exit(0)


def make_certificate(folder):
    """Returns a key and its certificate, in PEM, and the latter as the handshake line has it."""
    key, own = os.path.join(folder, "key.pem"), os.path.join(folder, "own.pem")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 10950 -subj /CN=localhost"
    command += " -addext subjectAltName=DNS:localhost"
    subprocess.run([*command.split(), "-keyout", key, "-out", own], check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)
    texts = [open(name, "rb").read() for name in (key, own)]
    os.remove(key)
    der = ssl.PEM_cert_to_DER_cert(texts[1].decode())
    return *texts, base64.b64encode(der).decode().rstrip("=")


def serve(version, definitions):
    if not os.environ.get("GPULINE_PLUGIN"):
        sys.exit("This program is a plugin of gpuline, which starts it: see [[inputs.external]] in its configuration.")
    for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(s, signal.SIG_IGN)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JSONLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    threading.Thread(target=lifeline, daemon=True).start()

    service = Service(version, definitions)
    server = grpc.server(
        futures.ThreadPoolExecutor(max_workers=8),
        options=[("grpc.max_receive_message_length", 5 << 20), ("grpc.max_send_message_length", 5 << 20)],
    )
    handlers = {
        "Describe": grpc.unary_unary_rpc_method_handler(
            service.describe, pb.DescribeRequest.FromString, pb.Description.SerializeToString
        ),
        "Check": grpc.unary_unary_rpc_method_handler(
            service.check, pb.CheckRequest.FromString, pb.CheckReply.SerializeToString
        ),
        "Run": grpc.stream_stream_rpc_method_handler(
            service.run, pb.HostMessage.FromString, pb.PluginMessage.SerializeToString
        ),
    }
    serving = b"\x08\x01"  # grpc.health.v1.HealthCheckResponse, status SERVING
    health = {"Check": grpc.unary_unary_rpc_method_handler(lambda _request, _context: serving)}
    server.add_generic_rpc_handlers((
        grpc.method_handlers_generic_handler("gpuline.plugin.v1.Plugin", handlers),
        grpc.method_handlers_generic_handler("grpc.health.v1.Health", health),
    ))
    folder = os.environ.get("PLUGIN_UNIX_SOCKET_DIR", "/tmp")
    path = os.path.join(folder, f"plugin{os.getpid()}")
    certificate, port = "", 0
    if agent := os.environ.get("PLUGIN_CLIENT_CERT"):
        key, own, certificate = make_certificate(folder)
        secure = grpc.ssl_server_credentials([(key, own)], root_certificates=agent.encode(), require_client_auth=True)
        port = server.add_secure_port("unix:" + path, secure)
    else:
        port = server.add_insecure_port("unix:" + path)
    if not port:
        sys.exit("cannot listen at " + path)
    server.start()
    print(f"1|1|unix|{path}|grpc|{certificate}", flush=True)
    os.dup2(2, 1)  # what is printed from here on is for the log
    server.wait_for_termination()


def now():
    return time.time_ns()
