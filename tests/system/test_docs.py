"""The manuals say what the program does: no more options, reasons, fields and
commands than there are, and no fewer; what they show works."""
import ast
import re
import shutil
import subprocess
import xml.etree.ElementTree as tree

import pytest

from sallyport import BINARY, PATIENCE, ROOT, sallyport

PAGES = [ROOT / "docs/man/sallyport.8", ROOT / "docs/man/sallyport.ini.5"]
TEXTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md",
                *ROOT.glob("*/*.md")])
# The changelog is left out: it may name what is gone.
NAMING = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"),
                 *ROOT.glob("*/README.md"), *ROOT.glob("src/**/README.md"),
                 *ROOT.glob("tests/**/README.md")} - {ROOT / "CHANGELOG.md"})
TOP_FOLDER = re.compile(
    r"(?:src|tests|scripts|docs|bench|conf|systemd|cmake|packaging|\.ci)/")
TREE_PATH = re.compile(TOP_FOLDER.pattern + r".+|[\w*/]+\.(?:[ch]|py)")
MADE = {"bench/floor", "bench/results/"}    # by a build or a run
EXAMPLES = sorted(ROOT.glob("conf/**/*.ini"))


def in_source(path, pattern):
    found = re.findall(pattern, (ROOT / path).read_text())
    assert found, f"{path} has changed its form"
    return set(found)


def page_text(page):
    """The page's source without what is only there for the typesetter."""
    return page.read_text().replace("\\-", "-").replace("\\&", "")


def page_terms(section, page):
    """The words that a section of the page (.SH or .SS) explains: those behind
    .TP, several of them in one line with commas."""
    body = re.search(rf"^\.S[HS] {section}\n(.*?)(?=^\.S[HS] |\Z)",
                     page_text(page), re.M | re.S).group(1)
    lines = re.findall(r"^\.TP\n\.(?:B|BR) (.*)", body, re.M)
    return {word for line in lines
            for word in re.split(r'[", ]+', line) if word}


def table_rows(heading, text):
    """The rows of the table behind the heading."""
    body = re.search(rf"^##+ {heading}\n(.*?)(?=^#|\Z)",
                     text.read_text(), re.M | re.S).group(1)
    return [[cell.strip() for cell in line.split("|")[1:-1]]
            for line in body.splitlines() if line.startswith("|")][2:]


def table_terms(heading, text):
    """The words in the first column of the table behind the heading."""
    return {word for row in table_rows(heading, text)
            for word in re.findall(r"`([^`]+)`", row[0])}


def option_names():
    """Every option, in full, as the program lists them."""
    listed = re.findall(r"^  ([a-z*][\w.*]*) ", sallyport("help").stdout
                        .split("Options of [global]:")[1], re.M)
    return {leg + name[2:] if name.startswith("*.") else name
            for name in listed for leg in ("listen.", "connect.")}


# What is made of the option table.

def test_reference_is_up_to_date():
    """The list of options in the manual, and the completion of shells, are those of
    the program."""
    done = subprocess.run([ROOT / "scripts/make-reference", "--check", BINARY],
                          capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr


def test_reference_that_is_out_of_date_is_noticed(tmp_path):
    """A list of options that was changed by hand is noticed, and made anew."""
    for name in ("scripts", "docs", "conf"):
        shutil.copytree(ROOT / name, tmp_path / name)
    options = tmp_path / "docs/options.md"
    options.write_text(options.read_text().replace("tcp", "udp", 1))
    script = tmp_path / "scripts/make-reference"
    done = subprocess.run([script, "--check", BINARY], capture_output=True,
                          text=True, timeout=PATIENCE)
    assert done.returncode == 1
    assert "docs/options.md is not up to date" in done.stderr
    assert subprocess.run([script, BINARY], timeout=PATIENCE).returncode == 0
    assert options.read_text() == (ROOT / "docs/options.md").read_text()


def test_every_option_is_in_the_manuals():
    """The manual page and docs/options.md explain every option, and no
    other."""
    names = option_names()
    assert {"listen", "listen.cert", "connect.cert", "include",
            "timeout.idle"} <= names
    explained = set().union(*(page_terms(section, PAGES[1]) for section in (
        r"OPTIONS OF \[GLOBAL\]", "OPTIONS OF A SERVICE",
        "OPTIONS OF EACH LEG")))
    assert explained == names
    headings = re.findall(r"^### (.*)$", (ROOT / "docs/options.md")
                          .read_text(), re.M)
    assert set(re.findall(r"`([^`]+)`", " ".join(headings))) == names


# The README's rows, and the tables of docs/benchmarks.md that they are from.
FIGURES = {"TLS 1.3 to the client, download": "tls-down-16",
           "TLS 1.3 from the client, upload": "tls-up-16",
           "plain, download": "plain-down-16",
           "KiB of an idle TLS connection": "idle-tls"}


def test_figures_of_the_readme_are_those_of_the_benchmarks():
    """The README names the costs that docs/benchmarks.md has."""
    lines = (ROOT / "README.md").read_text().partition(
        "## What it costs\n")[2].partition("\n## ")[0].splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]]
            for line in lines if line.startswith("|")]
    relays = [name.lower().removesuffix("s") for name in rows[0][1:]]
    assert {row[0] for row in rows[2:]} == set(FIGURES)
    text = (ROOT / "docs/benchmarks.md").read_text()
    for name, *figures in rows[2:]:
        table = re.search(rf"^`{FIGURES[name]}`:.*?(?=^#|\Z)", text,
                          re.M | re.S).group()
        for relay, figure in zip(relays, figures):
            if figure:
                assert f"\n| {relay} | {figure} (" in table, (name, relay)


# What is made of words in the source.

def test_every_reason_is_in_the_manuals():
    """The manuals explain every reason of an `end` line, and no other."""
    reasons = in_source("src/relay/conn_reason.c", r'= "([a-z-]+)"')
    assert page_terms("Reasons", PAGES[0]) == reasons
    assert table_terms("Reasons", ROOT / "docs/operating.md") == reasons


def test_every_log_field_is_in_the_manuals():
    """The manuals explain every field of an `end` line, and no other."""
    source = "src/relay/conn_report.c"
    fields = in_source(source, r'add_(?:text_field|number)\(&report, "(\w+)"') | \
        in_source(source, r'"((?:listen|connect)_\w+)"')
    assert page_terms("Fields", PAGES[0]) == fields
    text = ROOT / "docs/operating.md"
    # `relay`, `yes` and the like are values, in other columns.
    assert table_terms("Fields", text) == fields


def verbs():
    """{name: row} of what can be asked of a daemon; a row's values are as they
    are written."""
    rows = re.findall(r"^    \[VERB_\w+\] = \{(.*?)\},$", (
        ROOT / "src/admin/verbs.c").read_text(), re.M | re.S)
    assert rows, "src/admin/verbs.c has changed its form"
    rows = [dict(re.findall(r'\.(\w+) = ("[^"]*"|\w+(?:\(\d+\))?)', row))
            for row in rows]
    return {row["name"].strip('"'): row for row in rows}


def test_every_verb_is_in_the_manuals():
    """The manual lists the commands that ask a daemon, with how long each
    waits, and what the control socket understands."""
    told = {re.sub(" --[a-z]+", "", words): span for words, _, span in
            table_rows("Asking the daemon", ROOT / "docs/operating.md")}
    asked = {" ".join(filter(None, [name, row.get("argument", "").strip('"')])):
             re.sub(r"SECONDS\((\d+)\)", r"\1 s", row["patience_ms"])
             for name, row in verbs().items()}
    assert told == {f"`sallyport {words}`": span
                    for words, span in asked.items()}
    socket = re.search(r"### The control socket\n(.*?)\n#", (
        ROOT / "docs/operating.md").read_text(), re.S).group(1)
    for name, row in verbs().items():
        line = f"{name} NAME" if "argument" in row else name
        for words in [line, f"{line} json"] if "has_json" in row else [line]:
            assert f"`{words}`" in socket.replace("\n", " "), \
                f'docs/operating.md, "The control socket", lacks `{words}`'


def test_every_counter_is_in_the_manuals():
    """The manuals list what `status --json` counts, in the words of `help
    counters`."""
    listed = re.findall(r"^  (\w+) +(\w+) +(.*)$",
                        sallyport("help", "counters").stdout, re.M)
    assert {"active", "accepted"} <= {name for name, *_ in listed}
    assert table_rows("Counters", ROOT / "docs/operating.md") == [
        [f"`{name}`", unit, text] for name, unit, text in listed]
    assert page_terms("COUNTERS", PAGES[0]) == {name for name, *_ in listed}


def test_every_command_is_in_the_manuals():
    """The manual page explains every command, and no other."""
    usage = sallyport("help").stdout.split("\n\n")[1]
    commands = set(re.findall(r"^  ([a-z]+)", usage, re.M))
    assert {"run", "check", "demo"} <= commands
    explained = {term for term in page_terms("COMMANDS", PAGES[0])
                 if term not in ("show", "sandbox")}
    assert explained == commands
    synopsis = set(re.findall(r"^\.B sallyport ([a-z]+)",
                              page_text(PAGES[0]), re.M))
    lacking = commands - synopsis
    assert not lacking, f"SYNOPSIS of docs/man/sallyport.8 lacks {lacking}"


def test_every_signal_is_in_the_manuals():
    """The manuals explain every signal, and no other."""
    signals = in_source("src/master/master.c",
                        r"\{ (SIG[A-Z0-9]+), on_") - {"SIGCHLD"}
    assert {"SIGTERM", "SIGHUP"} <= signals
    assert page_terms("SIGNALS", PAGES[0]) == signals
    operating = (ROOT / "docs/operating.md").read_text()
    assert all(f"`{signal}`" in operating for signal in signals)


# The form of the manuals.

@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_manual_page_is_well_formed(page):
    """groff has no warning about a manual page."""
    if not shutil.which("groff"):
        pytest.skip("no groff")
    done = subprocess.run(["groff", "-ww", "-man", "-Tutf8", "-z", page],
                          capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_manual_page_is_of_this_version(page):
    """A manual page names the version, and the changelog has it."""
    version = re.search(r"project\(sallyport VERSION ([\d.]+)",
                        (ROOT / "CMakeLists.txt").read_text()).group(1)
    title = re.search(r"^\.TH .*$", page.read_text(), re.M).group()
    assert f'"Sallyport {version}"' in title
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()


def anchors(text):
    """The places in a text that a link can lead to."""
    for heading in re.findall(r"^#+ (.*)$", text.read_text(), re.M):
        yield re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.name)
def test_links_lead_somewhere(text):
    """Each link of a text leads to a file or a heading that is there."""
    for target in re.findall(r"\]\(([^)\s]+)\)", text.read_text()):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        file = text.parent / path if path else text
        assert file.exists(), f"{target} is not there"
        assert not anchor or anchor in anchors(file), f"no {target}"


def named_paths(text):
    """The words of code in a text, of Markdown or of a manual page, that look
    like paths of the tree; a word in capitals stands for any other word."""
    source = page_text(text)
    if text.suffix == ".md":
        spans = re.findall(r"^```\w*\n(.*?)^```|`([^`\n]+)`|\[([^\]\n]+)\]\(",
                           source, re.M | re.S)
        source = " ".join(part for span in spans for part in span)
    for word in re.findall(r"(?<![\w/.~$*-])[\w.*][\w./*@-]*", source):
        word = re.sub(r"(?<![A-Z])[A-Z]+(?![\w.])|(?<=_)[A-Z]+(?=\.)", "*",
                      word.rstrip("."))
        if TREE_PATH.fullmatch(word):
            yield word


def is_in_tree(word):
    if TOP_FOLDER.match(word):
        return any(ROOT.glob(word.rstrip("/")))
    return any(any(ROOT.glob(f"{folder}/**/{word}"))
               for folder in ("src", "tests", "bench"))


@pytest.mark.parametrize("text", [*NAMING, *PAGES], ids=lambda text: str(
    text.relative_to(ROOT)))
def test_paths_that_a_text_names_are_there(text):
    """Every path that a text names is in the tree."""
    missing = sorted({word for word in named_paths(text)
                      if not is_in_tree(word)} - MADE)
    assert not missing


def test_path_that_is_not_there_is_noticed(tmp_path):
    """A path that is not in the tree is found, and no other word is."""
    text = tmp_path / "text.md"
    text.write_text(
        "`src/relay/nothing.c`, [docs/none.md](x), `flow_nothing.h` and\n"
        "`relay/nothing*.c`, src/text.c, `/usr/src/x.c`, `a.conf`,\n"
        "`src/main*.c`, `main.c`, `test_docs.py`, `base/base.h`,\n"
        "`tests/unit/FOLDER/test_*.c`, `tests/system/test_NAME.py`,\n"
        "`src/base`, `src/nothing/`\n```sh\nscripts/nothing --x\n```\n")
    words = list(named_paths(text))
    assert sorted(word for word in words if not is_in_tree(word)) == [
        "docs/none.md", "flow_nothing.h", "relay/nothing*.c",
        "scripts/nothing", "src/nothing/", "src/relay/nothing.c"]
    assert len(words) == 13


@pytest.mark.parametrize("folder", sorted(
    {path.parent for path in ROOT.glob("src/*/*.c")}), ids=lambda folder: folder.name)
def test_readme_of_a_folder_lists_its_files(folder):
    """A reader finds every source of a folder in its README, and no other."""
    listed = re.findall(r"`([a-z_0-9]+)`(?=[,:])",
                        (folder / "README.md").read_text())
    assert len(listed) == len(set(listed))
    there = {path.stem for path in folder.glob("*.c")}
    assert there <= set(listed)
    assert all((folder / f"{name}.h").exists() for name in set(listed) - there)


# Drawings.

def draw(root, *options):
    return subprocess.run([root / "scripts/draw-architecture", *options],
                          capture_output=True, text=True, timeout=PATIENCE)


def test_drawings_are_up_to_date():
    """The drawings show the folders that there are."""
    done = draw(ROOT, "--check")
    assert done.returncode == 0, done.stderr


def test_drawing_that_is_out_of_date_is_noticed(tmp_path):
    """A drawing that lacks a folder is found."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts")
    (tmp_path / "docs").mkdir()
    for layer in ("base", "relay"):
        (tmp_path / "src" / layer).mkdir(parents=True)
        (tmp_path / f"src/{layer}/x.c").touch()
    layers = tmp_path / "src/CMakeLists.txt"
    layers.write_text("sallyport_layer(base)\nsallyport_layer(relay)\n")
    assert draw(tmp_path).returncode == 0
    assert draw(tmp_path, "--check").returncode == 0
    drawn = (tmp_path / "docs/layers.svg").read_text()
    assert drawn.index("relay/") < drawn.index("base/")
    layers.write_text("sallyport_layer(base)\n")
    done = draw(tmp_path, "--check")
    assert done.returncode == 1
    assert "docs/layers.svg is not up to date" in done.stderr
    layers.write_text("sallyport_layer(unheard_of)\n")
    (tmp_path / "src/unheard_of").mkdir()
    (tmp_path / "src/unheard_of/x.c").touch()
    assert "no text for unheard_of" in draw(tmp_path).stderr


@pytest.mark.parametrize("drawing", ["processes", "layers"])
def test_drawing_is_shown_and_is_xml(drawing):
    """Each drawing is well-formed, and shown in the architecture."""
    root = tree.parse(ROOT / f"docs/{drawing}.svg").getroot()
    assert root.tag.endswith("}svg")
    assert f"]({drawing}.svg)" in (ROOT / "docs/architecture.md").read_text()


@pytest.mark.parametrize("file", sorted(ROOT.glob("tests/system/test_*.py")),
                         ids=lambda file: file.stem)
def test_each_test_says_what_a_user_sees(file):
    """Each system test has a docstring."""
    silent = [node.name for node in ast.parse(file.read_text()).body
              if isinstance(node, ast.FunctionDef) and
              node.name.startswith("test_") and not ast.get_docstring(node)]
    assert not silent


# What the manuals show works.

STAND_INS = {"listen.cert": "server.pem", "listen.key": "server.key",
             "connect.cert": "client.pem", "connect.key": "client.key",
             "ca": "ca.pem", "crl": "ca.crl"}


def stand_in(line, certs):
    """The line with a file or group that is there in place of the one it
    names."""
    if line.startswith("listen.group "):
        return "listen.group = nogroup"
    match = re.match(r"((?:(?:listen|connect)\.)?(\w+)) *= *(\S+)", line)
    if not match or match[3] == "system":
        return line
    name = STAND_INS.get(match[1]) or STAND_INS.get(match[2])
    if not name:
        return line
    if "rsa" in match[3]:
        name = name.replace("server", "server-rsa")
    return f"{match[1]} = {certs / name}"


def with_keys(lines):
    """A certificate's own file may hold the key: those here do not."""
    section = []
    for line in [*lines, "["]:
        if line.startswith("["):
            text = "\n".join(section)
            for leg in ("listen", "connect"):
                certs = re.findall(rf"^{leg}\.cert = (.*)\.pem$", text, re.M)
                if not re.search(rf"^{leg}\.key ", text, re.M):
                    section += [f"{leg}.key = {cert}.key" for cert in certs]
            yield from section
            section = []
        section.append(line)


def check(config, tmp_path, certs):
    rules = tmp_path / "rules"
    rules.write_text("cn:app\n")
    lines = [re.sub(r"(allow_file) *= *\S+", rf"\1 = {rules}",
                    stand_in(line, certs)) for line in config.splitlines()]
    file = tmp_path / "sallyport.ini"
    file.write_text("\n".join(with_keys(lines)) + "\n")
    done = sallyport("check", "-c", file)
    assert done.returncode == 0, done.stderr + file.read_text()
    # The stand-ins have names of their own.
    told = [line for line in done.stderr.splitlines()
            if "listen.match: no certificate of this service is for" not in line]
    assert told == []


def shown_configurations():
    for text in TEXTS:
        shown = re.findall(r"^```ini\n(.*?)^```", text.read_text(), re.M | re.S)
        for number, config in enumerate(shown, 1):
            yield pytest.param(config, id=f"{text.name}-{number}")
    for page in PAGES:
        shown = re.findall(r"^\.EX\n(\[.*?)^\.EE", page_text(page), re.M | re.S)
        for number, config in enumerate(shown, 1):
            yield pytest.param(config, id=f"{page.name}-{number}")


@pytest.mark.parametrize("config", shown_configurations())
def test_configuration_in_a_text_is_good(config, tmp_path, certs):
    """`check` accepts each configuration that a text shows."""
    check(config, tmp_path, certs)


@pytest.fixture(scope="session")
def example_certs(tmp_path_factory):
    """What the examples name, as an installation makes it."""
    folder = tmp_path_factory.mktemp("examples") / "certs"
    subprocess.run([ROOT / "conf/make-certs", folder], check=True,
                   timeout=PATIENCE)
    return folder


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_example_is_good(example, tmp_path, example_certs):
    """`check` accepts each example as it is, with the certificates that an
    installation makes."""
    file = tmp_path / example.name
    shutil.copy(example, file)
    (tmp_path / "certs").symlink_to(example_certs)
    done = sallyport("check", "-c", file)
    assert (done.returncode, done.stderr) == (0, "")


def test_examples_are_there():
    """The examples are found, or the test of each would test nothing."""
    assert ROOT / "conf/sallyport.ini" in EXAMPLES and len(EXAMPLES) > 3


def test_bad_configuration_in_a_text_is_noticed(tmp_path, certs):
    """A text that showed a bad configuration would fail its test."""
    with pytest.raises(AssertionError, match="there is no"):
        check("[service x]\nlisten = :1\nconnect = a:1\nlissten.ca = x\n",
              tmp_path, certs)


# Manual pages.

def test_man_finds_the_pages(tmp_path):
    """`man sallyport` and `man sallyport.ini` show their pages without a
    warning."""
    if not shutil.which("man"):
        pytest.skip("no man")
    for page in PAGES:
        folder = tmp_path / f"man{page.suffix[1:]}"
        folder.mkdir()
        shutil.copy(page, folder)
    for name in ("sallyport", "sallyport.ini"):
        done = subprocess.run(
            ["man", "--warnings", "-M", tmp_path, name], timeout=PATIENCE,
            capture_output=True, text=True, stdin=subprocess.DEVNULL,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8",
                 "MANWIDTH": "80"})
        assert done.returncode == 0 and done.stderr == "", done.stderr
        assert f"{name.upper()}(" in done.stdout
