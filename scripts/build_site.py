"""Build the documentation as a site that opens without a server and without a network.

    python scripts/build_site.py           write the site to .mesh/site/html
    python scripts/build_site.py --check   only check the links of all pages

The pages are those of `docs`, those that `reference_pages` generates, and every file of the repository that
a page links to. Diagrams are drawn as SVG. Every link to a page, a heading, an image or a file is checked.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath
from zlib import crc32

from reference_pages import pages

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
OUTPUT = ROOT / ".mesh" / "site"
TOOLS = DOCS / "site" / ".venv" / "bin"
# Pages that no other page needs to name.
ROOTS = (
    "README.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "platform_core/README.md",
    "platform_core/CHANGELOG.md",
)
FENCE = re.compile(r"^( *)(```+|~~~+).*?^\1\2 *$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]+`")
LINK = re.compile(r"(?P<open>\]\()(?P<target>[^)\s]+)(?=[)\s])")
DIAGRAM = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
OUTSIDE = re.compile(r"[a-z]+:")
LOADED = re.compile(r"""<(?:script|img|link|iframe)[^>]*\b(?:src|href)=["']?(?:https?:)?//[^"'>\s]+""")
SHIM = re.compile(r"""<script src="https://unpkg.com/iframe-worker/shim"[^>]*></script>""")
LANGUAGES = {".py": "python", ".toml": "toml", ".yaml": "yaml", ".yml": "yaml", ".sql": "sql", ".sh": "sh"}
STYLE = (
    ".diagram svg { max-width: 100%; height: auto; background: #fff; border-radius: 4px; padding: 8px; }\n"
)


class Site:
    """The pages by path in the site; ``faults`` are the links that lead nowhere."""

    def __init__(self) -> None:
        self.pages: dict[str, str] = dict(pages())
        self._sources = {path: f"docs/{path}" for path in self.pages}
        self._committed = {path.relative_to(ROOT).as_posix() for path in _committed()}
        self.faults: list[str] = []
        for file in sorted(self._committed):
            if file.startswith("docs/") and file.endswith(".md"):
                self._add(file)
        for file in ROOTS:
            self._add(file)
        waiting = list(self.pages)
        while waiting:
            known = set(self.pages)
            for path in waiting:
                self.pages[path] = self._linked(path)
            waiting = [path for path in self.pages if path not in known]
        self._check_anchors()

    def _add(self, file: str) -> str:
        """The page of a committed file or folder, which is written if it is missing."""
        # The site generator leaves out folders and files with a leading dot.
        shown = "/".join(part.lstrip(".") for part in file.split("/"))
        path = file.removeprefix("docs/") if file.startswith("docs/") else f"repository/{shown}"
        if file.startswith("docs/") and not file.endswith(".md"):
            return path  # an image, copied as it is
        path = path if path.endswith(".md") else f"{path}.md"
        if path in self.pages:
            return path
        self._sources[path] = file
        if (ROOT / file).is_dir():
            names = sorted(
                {
                    name[len(file) + 1 :].split("/")[0]
                    for name in self._committed
                    if name.startswith(f"{file}/")
                }
            )
            self.pages[path] = "\n".join([f"# {file}\n", *(f"- `{name}`" for name in names), ""])
        elif file.endswith(".md"):
            self.pages[path] = (ROOT / file).read_text(encoding="utf-8")
        else:
            text = (ROOT / file).read_text(encoding="utf-8")
            language = LANGUAGES.get(PurePosixPath(file).suffix, "text")
            self.pages[path] = f"# {file}\n\n````{language}\n{text}\n````\n"
        return path

    def _linked(self, path: str) -> str:
        """A page with its links as links of the site."""
        text = self.pages[path]
        hidden = [found.span() for pattern in (FENCE, CODE) for found in pattern.finditer(text)]

        def replaced(found: re.Match[str]) -> str:
            if any(start <= found.start() < end for start, end in hidden):
                return found[0]
            return found["open"] + self._target(path, found["target"], text.count("\n", 0, found.start()) + 1)

        return LINK.sub(replaced, text)

    def _target(self, path: str, target: str, line: int) -> str:
        name, mark, anchor = target.partition("#")
        if OUTSIDE.match(target) or not name:
            return target
        source = self._sources[path]
        file = normpath(PurePosixPath(source).parent / name)
        generated = file.removeprefix("docs/")
        if file.startswith("docs/") and generated in self.pages:
            found = generated
        elif file in self._committed or any(each.startswith(f"{file}/") for each in self._committed):
            found = self._add(file)
        else:
            self.faults.append(f"{source}:{line}: {target} is neither a page nor a committed file")
            return target
        return relpath(found, PurePosixPath(path).parent) + mark + anchor

    def _check_anchors(self) -> None:
        headings = {path: set(_anchors(text)) for path, text in self.pages.items()}
        for path, text in self.pages.items():
            for found in LINK.finditer(CODE.sub("", FENCE.sub("", text))):
                name, _, anchor = found["target"].partition("#")
                page = normpath(PurePosixPath(path).parent / name) if name else path
                if anchor and not OUTSIDE.match(found["target"]) and anchor not in headings.get(page, set()):
                    self.faults.append(
                        f"{self._sources[path]}: {found['target']}: the page has no such heading"
                    )

    def write(self, folder: Path) -> None:
        """Write all pages with drawn diagrams, and the images."""
        for path, text in self.pages.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            # Repositories need a bar in a cell's code escaped, the generator shows the escape.
            text = CODE.sub(lambda found: found[0].replace("\\|", "|"), text)
            target.write_text(DIAGRAM.sub(lambda found: _drawn(found[1]), text), encoding="utf-8")
        for file in sorted(self._committed):
            if file.startswith("docs/") and file.endswith((".png", ".svg")):
                target = folder / file.removeprefix("docs/")
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / file, target)
        (folder / "site.css").write_text(STYLE, encoding="utf-8")


def _committed() -> Iterator[Path]:
    """The files that git has or would take."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    return (ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file())


def _anchors(text: str) -> Iterator[str]:
    """The anchors that Markdown gives to the headings."""
    seen: dict[str, int] = {}
    for title in re.findall(r"^#{1,6} +(.+?) *#*$", FENCE.sub("", text), re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).replace("`", "")
        slug = re.sub(
            r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", words.encode("ascii", "ignore").decode()).strip().lower()
        )
        seen[slug] = seen.get(slug, -1) + 1
        yield slug if not seen[slug] else f"{slug}_{seen[slug]}"


def _drawn(diagram: str) -> str:
    """A Mermaid diagram as SVG in the page."""
    done = subprocess.run(
        [TOOLS / "python", "-c", "import sys, mermaidx; print(mermaidx.render(sys.stdin.read()).svg())"],
        input=diagram,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"this diagram cannot be drawn:\n{diagram}\n{done.stderr}")
    # One page may have several, each with styles of its own.
    name = f"diagram-{crc32(diagram.encode())}"
    return f'<div class="diagram">{done.stdout.strip().replace("my-svg", name)}</div>'


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the documentation as a site.")
    parser.add_argument("--check", action="store_true", help="only check the links")
    only = parser.parse_args().check
    site = Site()
    for fault in site.faults:
        print(fault, file=sys.stderr)
    if site.faults or only:
        print(f"{len(site.pages)} pages, {len(site.faults)} broken links")
        return 1 if site.faults else 0
    shutil.rmtree(OUTPUT, ignore_errors=True)
    site.write(OUTPUT / "pages")
    shutil.copyfile(DOCS / "site" / "zensical.toml", OUTPUT / "zensical.toml")
    built = subprocess.run(
        [TOOLS / "zensical", "build", "--strict"], cwd=OUTPUT, capture_output=True, text=True
    )
    if built.returncode:
        print(
            COLOUR.sub("", built.stdout.partition("Traceback")[0] + built.stderr.partition("Traceback")[0]),
            file=sys.stderr,
        )
        return 1
    worker = f"<script>{(DOCS / 'site' / 'worker.js').read_text(encoding='utf-8')}</script>"
    html = sorted((OUTPUT / "html").rglob("*.html"))
    for page in html:
        text = SHIM.sub(lambda _: worker, page.read_text(encoding="utf-8"))
        page.write_text(text, encoding="utf-8")
        for found in LOADED.findall(text):
            print(f"{page.relative_to(OUTPUT)} loads from the network: {found}", file=sys.stderr)
            return 1
    print(f"{len(html)} pages: {(OUTPUT / 'html' / 'index.html').as_uri()}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
