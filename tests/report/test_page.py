"""The report shows the run's own figures, whatever parts of it are there, and nothing else acts."""

import itertools
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from synthetic_run import CLASSES, write_run

from realmix.base.errors import DataError, StorageError
from realmix.evaluate import metrics
from realmix.report import plots, sections
from realmix.report.page import render, write_report
from realmix.report.record import read_run

TEST = ("test_label", "test_baseline", "test_model", "test_shipped", "test")
POOL = ("pool_shipped", "labeled_counts")
PICTURES = ("sure_images", "unsure_images")
EXAMPLES = ("sure_index", "unsure_index", *PICTURES)
HELD_OUT = ("heldout_label", "heldout_baseline", "heldout_model", "heldout_shipped")

HOSTILE = [
    "<script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    '" onmouseover="alert(1)',
    "' onfocus='alert(1)' autofocus='",
    "` onclick=`alert(1)",
    "<svg/onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<iframe src=http://evil.example></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<a href=javascript:alert(1)>x</a>",
    "javascript:alert(1)",
    "<link rel=stylesheet href=http://evil.example/x.css>",
    "<base href=http://evil.example/>",
    "<meta http-equiv=refresh content='0;url=http://evil.example'>",
    "<form action=http://evil.example><input autofocus onfocus=alert(1)>",
    "<object data=http://evil.example></object>",
    "<embed src=http://evil.example>",
    "<video><source onerror=alert(1)></video>",
    "<body onload=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<style>@import 'http://evil.example'</style>",
    "<div style=background:url(http://evil.example)>",
    "; background: url(http://evil.example)",
    "{{ 7 * 7 }}{% include '/etc/passwd' %}",
    "{{ ''.__class__.__mro__ }}",
    "<!--", "--><script>alert(1)</script>", "]]><script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "<scr\x00ipt>alert(1)</script>",
    "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x9b2J", "a\rb\nc\td",
    "\u202egnp.exe", "\u2066\u200f\u200b",
    "$\\frac{1}{$", "$x^2$ _{", "\udcff\ud800", "", " ", "n" * 5000, "名前 العربية",
]  # fmt: skip
URL_ATTRIBUTES = {"src", "href", "action", "data", "srcset", "poster", "formaction", "background"}


class Audit(HTMLParser):
    """Collects the tags, the attributes that could act, and the visible text of a page."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.acting, self.text, self.open = set(), [], "", []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
        for name, value in attributes:
            if name.startswith("on") or (
                name in URL_ATTRIBUTES and not value.startswith("data:image/")
            ):
                self.acting.append((tag, name, value))
            if name == "style" and ("url" in value or "import" in value):
                self.acting.append((tag, name, value))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """(folder, page, audit of it, result) of a run that has everything."""
    folder = tmp_path_factory.mktemp("full") / "run"
    _, result = write_run(folder, notes=["resized"], bad_files=[("a.png", "truncated")])
    html = write_report(folder).read_text()
    return folder, html, Audit(html), result


def report(folder, without=(), **options):
    """(page, audit of it, result) of a run without a log: its charts take most of the time."""
    _, result = write_run(folder, without=("metrics.jsonl", *without), **options)
    html = write_report(folder).read_text()
    return html, Audit(html), result


def headings(html):
    return re.findall("<h2>(.*?)</h2>", html)


def test_a_full_run_has_every_section_in_order(full):
    _, html, audit, _ = full
    assert headings(html) == [
        "Accuracy on held-out labels",
        "What you get",
        "Test rows",
        "Training",
        "Which classes are confused",
        "Each class",
        "Can its confidence be believed?",
        "The pool",
        "Notes on the data",
        "How to repeat it",
    ]
    assert audit.open == []
    assert html.count("data:image/png") == 48
    assert len(html) < 2_000_000
    for part in ("oracle", "Skipped files", "a.png", "truncated", "resized", "row 201"):
        assert part in audit.text
    assert "realmix fit digits@250 --algorithm realmix --out 'runs/a b'" in audit.text


def test_the_page_shows_the_figures_of_the_result(full):
    _, _, audit, result = full
    shown = [result["reason"], "12 min 34 s", "1,500", "250", "1,792,000", "91.3%"]
    for part in (result, result["test"]):
        for model in ("baseline", "model"):
            low, high = part[model]["interval"]
            shown += [f"{part[model]['accuracy']:.1%}", f"{low:.1%} to {high:.1%}"]
    low, high = result["difference_interval"]
    shown += [
        f"{100 * result['difference']:+.1f} points",
        f"{100 * low:+.1f} to {100 * high:+.1f}",
        "torch 2.15.0",
    ]
    assert [figure for figure in shown if figure not in audit.text] == []


def test_the_tables_show_the_evidence_of_the_shipped_model_on_test_rows(full):
    folder, html, audit, _ = full
    evidence = read_run(folder).evidence
    probs, label = evidence["test_shipped"], evidence["test_label"]
    table = metrics.confusion(probs, label)
    cells = re.findall(r'<td style="background: rgba[^>]*>(\d+)</td>', html)
    assert [int(cell) for cell in cells] == table.ravel().tolist()
    found = metrics.per_class(probs, label)
    for name, recall, count in zip(CLASSES, found.recall, found.count, strict=True):
        assert re.search(rf"{name}</bdi></td>.*{recall:.1%}.*>{count}</td>", html)
    assert f"{metrics.calibration(probs, label).error:.1%}" in audit.text
    guessed = np.bincount(evidence["pool_shipped"].argmax(1)) / 1500
    assert all(f"</span>{share:.1%}" in html for share in guessed)


def test_the_same_run_gives_the_same_bytes(full):
    folder, html, _, _ = full
    assert write_report(folder).read_text() == html


GROUPS = (TEST, POOL, EXAMPLES, HELD_OUT, ("metrics.jsonl", "config.json"), ("pseudo_labels",))


EVEN = [kept for kept in itertools.product([True, False], repeat=len(GROUPS)) if sum(kept) % 2 == 0]


@pytest.mark.parametrize("kept", EVEN)  # all that five of them can be, in half of all runs
def test_missing_parts_leave_their_section_out(tmp_path, monkeypatch, kept):
    for name in ("accuracies", "curve", "reliability"):  # drawn in the other tests; 32 runs here
        monkeypatch.setattr(plots, name, lambda *_: "data:image/svg+xml;base64,")
    without = [key for group, keep in zip(GROUPS, kept, strict=True) if not keep for key in group]
    folder, _ = write_run(tmp_path / "run", labels=50, test=60, pool=80, without=without)
    html = write_report(folder).read_text()
    audit = Audit(html)
    test, pool, examples, held_out, log, oracle = kept
    got = headings(html)
    assert got[0] == "Accuracy on held-out labels"
    assert ("Test rows" in got) == test
    assert ("Training" in got) == log
    assert ("Each class" in got) == (test or held_out)
    assert ("The pool" in got) == (pool or examples or oracle)
    assert ("Most confident" in audit.text) == examples
    assert ("Settings" in audit.text) == log
    assert audit.open == []


def test_the_smallest_run_renders(tmp_path):
    gone = ("evidence.npz", "config.json", "test", "notes", "bad_files")
    html, _, _ = report(tmp_path / "run", without=(*gone, "pseudo_labels", "versions"))
    assert headings(html) == ["Accuracy on held-out labels", "What you get", "How to repeat it"]


def test_feature_rows_are_listed_by_number(tmp_path):
    html, audit, _ = report(tmp_path / "run", images=False)
    assert "data:image/png" not in html
    assert "Pool row" in audit.text


def test_a_supervised_run_shows_one_model(tmp_path):
    html, audit, _ = report(tmp_path / "run", algorithm="supervised")
    assert "This model was trained on the labels alone." in audit.text
    assert "one-sided" not in audit.text
    assert html.count("<td>labels alone</td>") == 2


def test_a_supervised_run_may_bring_only_the_model(tmp_path):
    gone = ("baseline", "heldout_baseline", "test_baseline")
    html, _, _ = report(tmp_path / "run", algorithm="supervised", without=gone)
    assert {"Test rows", "Each class"} <= set(headings(html))


@pytest.mark.parametrize(
    ("algorithm", "headline", "name"),
    [
        ("realmix", "was not compared with training on labels alone", "realmix"),
        ("supervised", "was trained on the labels alone", "labels alone"),
    ],
)
def test_a_run_without_gate_says_so_and_shows_one_model(tmp_path, algorithm, headline, name):
    html, audit, result = report(tmp_path / "run", gated=False, algorithm=algorithm)
    assert headline in audit.text
    assert result["rule"] in audit.text
    assert "ships" not in audit.text
    assert "one-sided" not in audit.text
    assert headings(html)[:2] == ["What you get", "Test rows"]
    assert re.findall(
        r"<tr><td>([^<]*)</td><td class=\"n\" data-name=\"Accuracy\">[\d.]+%</td>", html
    ) == [name]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "The unlabeled data helped: you get the realmix model."),
        ({"strength": (3.6, 2.6)}, "The unlabeled data made the model worse: you get the model"),
        ({"strength": (2.6, 2.8), "labels": 60}, "likely helped: you get both models together."),
        ({"labels": 0, "without": HELD_OUT}, "cannot be told yet"),
    ],
)
def test_the_headline_is_the_verdict(tmp_path, options, words):
    html, _, result = report(tmp_path / "run", test=0, **options)
    assert words in re.search("<h1>(.*?)</h1>", html)[1]
    assert result["reason"] in html


def test_many_classes_show_a_picture_the_worst_errors_and_the_weakest_classes(tmp_path):
    names = tuple(f"class-{i}" for i in range(120))
    html, audit, _ = report(tmp_path / "run", classes=names, test=1000)
    assert "Most frequent errors" in audit.text
    assert "The 50 weakest; 70 more are not shown" in audit.text
    assert len(html) < 2_000_000


def test_large_colour_pictures_stay_below_two_megabytes(tmp_path):
    folder, _ = write_run(tmp_path / "run", without=["metrics.jsonl"])
    evidence = dict(np.load(folder / "evidence.npz"))
    rng = np.random.default_rng(0)
    for key in PICTURES:
        evidence[key] = rng.integers(0, 256, (24, 3, 224, 160), np.uint8)
    np.savez(folder / "evidence.npz", **evidence)
    assert write_report(folder).stat().st_size < 2_500_000  # noise: the worst case for PNG


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (32, 20), (96, 96), (300, 97)])
def test_a_tile_keeps_the_shape_of_its_image(channels, size):
    image = np.zeros((channels, *size), np.uint8)
    assert plots.tile(image).startswith("data:image/png;base64,")


@pytest.mark.parametrize("start", range(0, len(HOSTILE), 10))
def test_hostile_names_stay_text(tmp_path, start):
    names = (HOSTILE[start:] + HOSTILE)[:10]
    html, audit, _ = report(
        tmp_path / "run",
        classes=names,
        notes=names,
        bad_files=[(name, name) for name in names],
    )
    assert audit.acting == []
    assert audit.tags.isdisjoint({"script", "iframe", "object", "embed", "link", "base", "form"})
    assert "<script" not in html.lower()
    assert audit.open == []
    assert [c for c in html if not c.isprintable() and c != "\n"] == []
    assert "49" not in re.findall(r"<bdi>(.*?)</bdi>", html)
    shown = [name for name in names if name.isprintable() and 0 < len(name.strip()) < 60]
    assert [name for name in shown if name not in audit.text] == []


def test_hostile_names_of_many_classes_folder_and_settings_stay_text(tmp_path):
    folder = tmp_path / "<img src=x onerror=alert(1)>"
    write_run(folder, classes=HOSTILE, without=["metrics.jsonl"])
    config = {name: [name, {name: name}] for name in HOSTILE}
    (folder / "config.json").write_text(json.dumps({**config, "command": HOSTILE}))
    audit = Audit(write_report(folder).read_text())
    assert audit.acting == []
    assert "script" not in audit.tags
    assert audit.open == []


def test_hostile_keys_and_phases_in_the_log_stay_text(tmp_path):
    folder, _ = write_run(tmp_path / "run", algorithm="<script>x</script>é中")
    with open(folder / "metrics.jsonl", "w") as log:
        for name in HOSTILE:
            log.write(json.dumps({"phase": name, "step": 1, name: 0.5, "loss": 1, "x": "y"}) + "\n")
    audit = Audit(write_report(folder).read_text())
    assert audit.acting == []
    assert "script" not in audit.tags


def test_the_page_forbids_scripts_and_requests_to_the_browser(full):
    _, html, audit, _ = full
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in html
    assert "http:" not in html
    assert "https:" not in html
    assert audit.acting == []


def test_an_unfinished_run_is_named_as_such(tmp_path):
    with pytest.raises(DataError, match=r"no result\.json"):
        write_report(tmp_path)


@pytest.mark.parametrize("name", ["result.json", "config.json", "evidence.npz"])
@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"PK\x03\x04 cut", b"\x93NUMPY"])
def test_a_damaged_record_is_an_error_with_its_name_and_the_old_report_stays(
    tmp_path, name, content
):
    folder, _ = write_run(tmp_path / "run")
    (folder / "report.html").write_text("old")
    (folder / name).write_bytes(content)
    with pytest.raises(StorageError, match=name.replace(".", r"\.")):
        write_report(folder)
    assert (folder / "report.html").read_text() == "old"


def test_flipped_bytes_in_the_evidence_are_a_storage_error_or_harmless(tmp_path):
    path = tmp_path / "evidence.npz"
    np.savez_compressed(path, pool_shipped=np.eye(3), sure_index=np.arange(4))
    data, rng, refused = path.read_bytes(), np.random.default_rng(0), 0
    (tmp_path / "result.json").write_text('{"classes": ["a", "b", "c"]}')
    for _ in range(200):
        damaged = bytearray(data)
        for place in rng.integers(len(data), size=2):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            read_run(tmp_path)
        except StorageError:
            refused += 1
    assert refused > 140


def test_pickles_in_the_evidence_are_refused(tmp_path):
    folder, _ = write_run(tmp_path / "run")
    np.savez(folder / "evidence.npz", pool_shipped=np.array([{"a": 1}], dtype=object))
    with pytest.raises(StorageError, match="evidence"):
        write_report(folder)


def test_evidence_of_another_run_is_refused(tmp_path):
    folder, _ = write_run(tmp_path / "run")
    result = json.loads((folder / "result.json").read_text())
    (folder / "result.json").write_text(json.dumps({**result, "classes": ["a", "b"]}))
    with pytest.raises(StorageError, match="2 classes"):
        write_report(folder)


def test_thinning_keeps_short_series_and_the_mean_of_long_ones():
    short, long = np.arange(10.0), np.random.default_rng(0).normal(size=6000)
    assert plots.thinned(short) is short
    assert len(plots.thinned(long)) == plots.MOST_POINTS
    assert plots.thinned(long).mean() == pytest.approx(long.mean())


def test_settings_are_flattened():
    given = {"a": {"b": 1, "c": {}}, "d": [1, "x"], "e": None}
    assert sections.settings(given) == [
        ("a.b", "1"),
        ("a.c", "{}"),
        ("d", "1, x"),
        ("e", "none"),
    ]


def test_one_figure_of_a_computation_is_no_curve(tmp_path, monkeypatch):
    write_run(tmp_path / "run")
    run = read_run(tmp_path / "run")
    run.records[:] = [
        {"phase": "final/linear", "step": 0, "seconds": 0.1, "loss": 0.4, "strength": 1.0},
        {"phase": "final/vat", "step": 10, "seconds": 1.0, "loss": 0.9, "confidence": 0.5},
        {"phase": "final/vat", "step": 20, "seconds": 2.0, "loss": 0.6, "confidence": 0.8},
    ]
    drawn = []
    monkeypatch.setattr(plots, "curve", lambda lines, share: drawn.append(lines) or "")
    titles = [chart["title"] for chart in sections.curves(run)]
    assert [list(line.steps) for line in drawn[0]] == [[10, 20]]
    assert "Loss" in titles
    assert "Confidence" in titles
    assert "Strength" not in titles
    page = render(run)
    assert "thick: final training" in page
    assert "thin: trained with" not in page, "what is not drawn is no part of the legend"
    assert "</span>labels alone" not in page
    del run.records[1:]
    assert sections.curves(run) == []  # all was fitted at once


def test_the_legend_says_which_method_of_the_labels_alone_has_curves(tmp_path):
    write_run(tmp_path / "run")
    run = read_run(tmp_path / "run")
    assert "</span>labels alone\n" in render(run)
    run.result["labels_alone"] = "linear"
    assert "</span>labels alone (supervised)\n" in render(run)
