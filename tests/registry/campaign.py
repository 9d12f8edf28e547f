"""Every fault of a list, at every request of every verb in turn, and what came of it.

A run of a verb against the scripted registry is repeated once for each of its requests and each fault. Afterwards the
registry is looked into: was anything lost, does a tag hold what it should not, did a password go anywhere else?
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.fakes.clients import ALICE, USERS
from tests.fakes.registry import FakeRegistry, Quirks
from tests.fakes.wire import Reply, Seen, WireServer, refusal
from tests.push.packed import WEB, built
from tests.registry.artifacts import referrer

from oci_chart_publish.commands.promote import Promotion, carry_out
from oci_chart_publish.commands.prune import remove, stale
from oci_chart_publish.errors import PublishError
from oci_chart_publish.http.credentials import Credentials, ExplicitCredentials
from oci_chart_publish.http.retry import RetryPolicy
from oci_chart_publish.layout.layout import ImageLayout
from oci_chart_publish.layout.memo import Memo
from oci_chart_publish.model import ChartArtifact
from oci_chart_publish.oci import attachments
from oci_chart_publish.oci.descriptor import OCI_EMPTY, Descriptor
from oci_chart_publish.oci.reference import Repository
from oci_chart_publish.oci.store import copy
from oci_chart_publish.push import publish
from oci_chart_publish.push.reconcile import Destination, decide, look_up
from oci_chart_publish.registry.client import RegistryRepository
from oci_chart_publish.registry.connect import Registries, RegistryOptions

NAME, TAG, PREVIEW = "charts/web", "1.0.0", "0.0.0-pr.7.gabc1234"
EMPTY = Descriptor.of(OCI_EMPTY, b"{}")
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
HTML = [("Content-Type", "text/html")]
Fault = Callable[["World", Seen], Reply]


@dataclass
class World:
    """The registries of one run, the host that has no business here, and what there is to publish."""

    source: FakeRegistry
    target: FakeRegistry
    thief: WireServer
    layout: ImageLayout
    ours: ChartArtifact
    other: ChartArtifact
    count: int = 0
    stack: ExitStack = field(default_factory=ExitStack)

    def store(self, registry: FakeRegistry) -> RegistryRepository:
        """Return a client that knows nothing yet, and does not wait."""
        policy = RetryPolicy(tries=3, base=0.001, restart=(0.0,), sleep=lambda _seconds: None, secondary=0.0)
        made = Registries(
            Credentials([ExplicitCredentials({registry.host: ALICE})]),
            RegistryOptions(patience=policy, jobs=1, read_timeout=5.0, on_wait=lambda _text: None),
        )
        self.stack.enter_context(closing(made))
        return made.repository(Repository(registry.host, NAME))

    @property
    def tags(self) -> dict[str, str]:
        store = self.target.stores.get(NAME)
        return dict(store.tags) if store else {}


def _status(status: int, reply: Reply | None = None) -> Fault:
    return lambda _world, _seen: reply or refusal(status, "UNKNOWN", "injected")


def _then(change: Callable[[Reply], Reply]) -> Fault:
    return lambda world, seen: change(world.target.answer(seen))


def _with_header(name: str, value: str) -> Fault:
    def change(reply: Reply) -> Reply:
        kept = [(key, each) for key, each in reply.headers if key.lower() != name.lower()]
        return replace(reply, headers=(*kept, (name, value)))

    return _then(change)


def _elsewhere(world: World, _seen: Seen) -> Reply:
    return Reply(status=307, headers=[("Location", f"{world.thief.url}/stolen")])


def _early(world: World, seen: Seen) -> Reply:
    """Answer with a 103 before the answer, on one connection."""
    reply = world.target.answer(seen)
    body = b"" if seen.method == "HEAD" else reply.body
    length = [] if reply.status == 204 else [("Content-Length", str(len(reply.body)))]
    lines = [f"HTTP/1.1 {reply.status} X", *(f"{key}: {value}" for key, value in [*reply.headers, *length])]
    head = "HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n" + "\r\n".join(lines) + "\r\n\r\n"
    return Reply(raw=head.encode() + body)


FAULTS: dict[str, Fault] = {
    **{
        str(status): _status(status)
        for status in (400, 401, 403, 405, 409, 410, 412, 416, 429, 500, 502, 503)
    },
    "404 page": _status(404, Reply(status=404, headers=HTML, body=b"<html><title>404</title></html>")),
    "404 empty": _status(404, Reply(status=404)),
    "404 gateway": _status(404, Reply(status=404, body=b'{"message":"no Route matched"}')),
    "403 firewall": _status(403, Reply(status=403, headers=HTML, body=b"<html>blocked</html>")),
    "200 login page": _status(200, Reply(headers=HTML, body=b"<!doctype html><title>Sign in</title>")),
    "200 nothing": _status(200, Reply()),
    "cut before": _status(0, Reply(drop=True)),
    "cut after": lambda world, seen: (world.target.answer(seen), Reply(drop=True))[1],
    "cut inside": _then(lambda reply: replace(reply, length=len(reply.body) + 7, close=True)),
    "delay": _then(lambda reply: replace(reply, delay=0.03)),
    "wrong digest": _with_header("Docker-Content-Digest", f"sha256:{'0' * 64}"),
    "wrong type": _with_header("Content-Type", "application/vnd.example.other+json"),
    "repeated header": _then(lambda reply: replace(reply, headers=(*reply.headers, *reply.headers))),
    "wrong origin": _elsewhere,
    "redirect in a circle": lambda _world, seen: Reply(status=307, headers=[("Location", seen.target)]),
    "103 before": _early,
}


def _publish(world: World) -> bool:
    site = Destination(registry="r", reference="r:1.0.0", name=TAG, store=world.store(world.target))
    plan = decide(world.ours, (look_up(world.ours, site, world.layout, Memo(world.layout.root / "memo")),))
    plan = publish.put_manifest(publish.upload(plan, world.layout, _in_turn), _in_turn)
    plan = publish.confirm_tags(publish.put_tags(plan, _in_turn), _in_turn)
    return publish.result(plan, wrote=True).targets[0].status in {"published", "unchanged"}


def _in_turn(calls: Sequence[Callable[[], PublishError | None]]) -> list[PublishError | None]:
    return [call() for call in calls]


def _promote(world: World) -> bool:
    source, target = world.store(world.source), world.store(world.target)
    done = carry_out(
        Promotion(source=source, source_name=TAG, target=target, target_name=TAG, title="t"), dry=False
    )
    return done.status in {"copied", "unchanged"}


def _verify(world: World) -> bool:
    site = Destination(registry="r", reference="r:1.0.0", name=TAG, store=world.store(world.target))
    finding = look_up(world.ours, site, world.layout, Memo(world.layout.root / "memo"))
    if finding.error is not None:
        raise finding.error
    return publish.verify_destination(world.ours, finding) is None


def _prune(world: World) -> bool:
    store = world.store(world.target)
    repository = Repository(world.target.host, NAME)
    previews = list(stale(repository, store, "0.0.0-pr.{number}.g{sha7}", lambda _number: True))
    return all("deleted" in remove(preview, store) for preview in previews) and bool(previews)


def _holds_ours(world: World) -> bool:
    return world.tags.get(TAG, str(world.ours.digest)) == str(world.ours.digest)


def _holds_other(world: World) -> bool:
    return world.tags.get(TAG) == str(world.other.digest)


def _signed(world: World) -> bool:
    """Tell whether the signature that was at the target is listed still, and the copied one before the tag."""
    world.target.server.answer = world.target.answer
    listed = {entry.digest for entry in world.store(world.target).referrers(world.ours.digest)}
    theirs, ours = _signatures(world)
    return theirs in listed and (TAG not in world.tags or ours in listed) and _holds_ours(world)


def _signatures(world: World) -> tuple[object, object]:
    made = (referrer(world.ours.manifest, BUNDLE, note).descriptor.digest for note in ("theirs", "ours"))
    theirs, ours = made
    return theirs, ours


def _release_stays(world: World) -> bool:
    digest = world.tags.get(TAG, "")
    return digest == str(world.ours.digest) and digest in world.target.stores[NAME].manifests


def _put(world: World, registry: FakeRegistry, artifact: ChartArtifact, tag: str, note: str = "") -> None:
    store = world.store(registry)
    copy(world.layout, store, artifact.manifest, name=tag or None)
    if note:
        store.put_blob(EMPTY, b"{}")
        store.put_referrer(referrer(artifact.manifest, BUNDLE, note))


def _signed_at_both(world: World) -> None:
    _put(world, world.source, world.ours, TAG, "ours")
    _put(world, world.target, world.ours, "", "theirs")


def _with_preview(world: World) -> None:
    _put(world, world.target, world.ours, TAG)
    _put(world, world.target, world.other, PREVIEW)


@dataclass(frozen=True)
class Verb:
    """What is run, on what, and what has to hold afterwards, whatever happened; ``never`` may it say success."""

    name: str
    run: Callable[[World], bool]
    before: Callable[[World], None]
    holds: Callable[[World], bool]
    never: bool = False


VERBS = (
    Verb("publish", _publish, lambda _world: None, _holds_ours),
    Verb(
        "publish over another",
        _publish,
        lambda world: _put(world, world.target, world.other, TAG),
        _holds_other,
        True,
    ),
    Verb("promote", _promote, _signed_at_both, _signed),
    Verb("verify", _verify, lambda world: _put(world, world.target, world.ours, TAG), _holds_ours),
    Verb(
        "verify another",
        _verify,
        lambda world: _put(world, world.target, world.other, TAG),
        _holds_other,
        True,
    ),
    Verb("prune", _prune, _with_preview, _release_stays),
)


@dataclass
class Row:
    """The counts of one verb."""

    runs: int = 0
    survived: int = 0
    errors: int = 0
    lost: int = 0
    wrong: int = 0
    unclear: int = 0
    credentials: int = 0
    told: list[str] = field(default_factory=list)


def campaign(
    verbs: Sequence[Verb] = VERBS, faults: Sequence[str] = tuple(FAULTS)
) -> Iterator[tuple[str, Row]]:
    """Run all of it, without the waits, and yield the counts of each verb."""
    with _without_waits(), tempfile.TemporaryDirectory() as folder:
        layout = ImageLayout.create(Path(folder) / "layout")
        ours, other = built(WEB, layout), built({**WEB, "values.yaml": b"replicas: 9\n"}, layout)
        for verb in verbs:
            row = Row()
            count = _run(verb, layout, ours, other, -1, None, row)
            row = Row()
            for number in range(count):
                for name in faults:
                    _run(verb, layout, ours, other, number, name, row)
            yield verb.name, row


@contextmanager
def _without_waits() -> Iterator[None]:
    waits = attachments.PAUSES, publish.PAUSES
    attachments.PAUSES, publish.PAUSES = (0.001,) * 4, (0.001,) * 3
    try:
        yield
    finally:
        attachments.PAUSES, publish.PAUSES = waits


def _run(
    verb: Verb,
    layout: ImageLayout,
    ours: ChartArtifact,
    other: ChartArtifact,
    number: int,
    fault: str | None,
    row: Row,
) -> int:
    """Run a verb with one fault at one request, judge what is there afterwards, and return the number of requests."""
    with ExitStack() as stack:
        registries = [FakeRegistry(Quirks(), users=USERS, auth="basic") for _ in range(2)]
        thief = WireServer(
            answer=lambda _seen: Reply(status=401, headers=[("WWW-Authenticate", 'Basic realm="mine"')])
        )
        for registry in registries:
            stack.enter_context(closing(registry))
        stack.enter_context(closing(thief))
        world = World(registries[0], registries[1], thief, layout, ours, other, stack=stack)
        verb.before(world)
        held = {digest for store in world.target.stores.values() for digest in store.tags.values()}

        def answer(seen: Seen) -> Reply:
            world.count += 1
            if fault is not None and world.count == number + 1:
                return FAULTS[fault](world, seen)
            return world.target.answer(seen)

        world.target.server.answer = answer
        success, error = False, ""
        try:
            success = verb.run(world)
        except PublishError as problem:
            error = problem.message
        except Exception as problem:  # noqa: BLE001 - whatever else comes out is what is looked for
            row.unclear += 1
            row.told.append(
                f"{verb.name}, request {number + 1}, {fault}: {type(problem).__name__}: {problem}"
            )
        _judge(
            verb,
            world,
            row,
            held,
            success=success,
            where=f"{verb.name}, request {number + 1}, {fault}: {error}",
        )
        return world.count


def _judge(verb: Verb, world: World, row: Row, held: set[str], *, success: bool, where: str) -> None:
    row.runs += 1
    row.survived += success
    row.errors += not success
    kept = set(world.target.stores[NAME].manifests) if NAME in world.target.stores else set()
    lost = {digest for digest in held if digest not in kept and digest != str(world.other.digest)}
    wrong = not verb.holds(world) or (verb.never and success)
    stolen = [seen for seen in world.thief.seen if "authorization" in seen.headers]
    row.lost += bool(lost)
    row.wrong += wrong
    row.credentials += bool(stolen)
    if lost or wrong or stolen:
        row.told.append(where)


def table(rows: Sequence[tuple[str, Row]]) -> str:
    """Return the counts as Markdown."""
    lines = [
        "| verb | runs | survived | clear errors | lost data | wrong final states | credentials elsewhere |",
        "|:--|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {name} | {row.runs} | {row.survived} | {row.errors - row.unclear} | {row.lost} | {row.wrong} "
        f"| {row.credentials} |"
        for name, row in rows
    ]
    return "\n".join(lines)


def main() -> int:
    """Print the table and what went wrong; 1 where anything did."""
    rows = []
    for name, row in campaign():
        rows.append((name, row))
        sys.stderr.write(f"{name}: {row.runs} runs\n")
    sys.stdout.write(f"{table(rows)}\n")
    told = [line for _, row in rows for line in row.told]
    sys.stderr.write("".join(f"{line}\n" for line in told))
    return 1 if told else 0
