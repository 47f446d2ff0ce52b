"""What code depends on in ``utils``: the definitions it uses, and what these use in turn.

A file is too coarse a measure: who wants one colour of ``utils.plots`` would depend on all of it.
So the source is read, never imported, definition by definition. A *definition* is a function, a
class or an assigned name at the top level of a module. It depends on every module-level name that
it mentions, in its module or through an import, and on the data files that it names.

A class counts whole, but for the plain methods of one that no framework calls (it has no bases but
those in ``INERT``): such a method counts once something that is used mentions its name. So who
samples from the LSTM-GAN does not depend on what its ``report`` draws.

Where the source does not say what is used (``getattr(module, …)``, a module handed on, the
module's name in a string, as in ``python -m utils.train``), the whole module counts.
A module's other statements, such as ``register(…)``, count for all who use a name of that module;
so do definitions with a decorator of the course's own. Comments, docstrings and annotations never
count, except a class's annotated fields and their ``ClassVar`` or ``InitVar``.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import io
import re
import subprocess
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

DIGITS = 16  # of a hash: what a reader can look at; 64 bits tell a course's definitions apart
MISSING = "missing"  # in place of the hash of what is not there
OWN = ""  # the name under which a module's own statements stand
MAIN = "__main__"  # … and what it does when it is run by name
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
CLOSED = (*FUNCTIONS, ast.ClassDef, ast.Lambda, *COMPREHENSIONS)  # each with a scope of its own
NAMING = (*FUNCTIONS, ast.ClassDef, ast.ExceptHandler, ast.MatchAs, ast.MatchStar)
INERT = {"BaseEstimator"}  # bases that call no method but by the names that users call too
MARKING = re.compile(r"\b(ClassVar|InitVar)\b")
FIELDS = ("<field>", "<ClassVar>", "<InitVar>")  # what stands for the annotation of a class's name
Chain = tuple[str, ...]


class Mention(NamedTuple):
    """A dotted name, looked up in ``module`` or, where that is "", from the top.

    ``imported`` says that it stands in an import: a module is then run, but not used whole.
    """

    module: str
    chain: Chain
    imported: bool = False


@dataclass
class Part:
    """A definition, or a module's own statements: its meaning, and what it mentions."""

    nodes: list[ast.stmt] = field(default_factory=list)
    digest: str = ""
    mentions: set[Mention] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)
    patterns: set[str] = field(default_factory=set)


def digest(text: str) -> str:
    """Return a short hash."""
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


# --- What a piece of source means ---------------------------------------------------------------


class _Bare(ast.NodeTransformer):
    """Takes out what says nothing about what code does: docstrings and annotations."""

    def _body(self, node: Any) -> Any:
        self.generic_visit(node)
        if not node.body and not isinstance(node, ast.Module):
            node.body = [ast.Pass()]
        return node

    visit_Module = _body

    def visit_FunctionDef(self, node: Any) -> Any:
        node.returns = None
        return self._body(node)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        for line in node.body:
            if isinstance(line, ast.AnnAssign):
                # A dataclass's field is one by its annotation, whatever that says.
                kind = MARKING.search(ast.unparse(line.annotation))
                line.annotation = ast.Constant(f"<{kind.group() if kind else 'field'}>")
        return self._body(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        self.generic_visit(node)
        if isinstance(node.annotation, ast.Constant) and node.annotation.value in FIELDS:
            return node
        if node.value is None:
            return None
        return ast.copy_location(ast.Assign([node.target], node.value), node)

    def visit_arg(self, node: ast.arg) -> Any:
        node.annotation = None
        return node

    def visit_Expr(self, node: ast.Expr) -> Any:
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            return None
        return self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> Any:
        """Join the literal pieces: Python 3.12 cuts them elsewhere, and leaves empty ones."""
        self.generic_visit(node)
        pieces: list[ast.expr] = []
        for piece in node.values:
            last = pieces[-1] if pieces else None
            if not isinstance(piece, ast.Constant):
                pieces.append(piece)
            elif isinstance(last, ast.Constant):
                last.value += piece.value
            elif piece.value:
                pieces.append(piece)
        node.values = pieces
        return node


def meaning(node: Any) -> str:
    """Return a syntax tree as text, the same under every Python that can read it.

    ``ast.dump`` is not: it writes the fields that its own version has.
    """
    if isinstance(node, ast.AST):
        skip = {"ctx", "kind", "type_comment", "type_params"}
        fields = ((name, value) for name, value in ast.iter_fields(node) if name not in skip)
        inside = ",".join(
            f"{name}={meaning(value)}"
            for name, value in fields
            if not (value is None and name != "value") and value != []
        )
        return f"{type(node).__name__}({inside})"
    if isinstance(node, list):
        return f"[{','.join(map(meaning, node))}]"
    return repr(node)


# --- Names and their scopes ---------------------------------------------------------------------


def _own_nodes(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield the nodes of one scope: not those inside its functions, classes and comprehensions."""
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, CLOSED):
            waiting += ast.iter_child_nodes(node)


def _targets(node: ast.Import | ast.ImportFrom, package: Chain) -> Iterator[tuple[str, Chain]]:
    """Yield what an import binds, as (name, what the name stands for)."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            whole = tuple(alias.name.split("."))
            yield (alias.asname, whole) if alias.asname else (whole[0], whole[:1])
        return
    base = package[: len(package) - node.level + 1] if node.level else ()
    base += tuple((node.module or "").split(".")) if node.module else ()
    for alias in node.names:
        yield alias.asname or alias.name, (*base, alias.name)


Scope = dict[str, list[Chain]]  # a name → what it was imported as; [] for a name of its own


def _bindings(nodes: Iterable[ast.AST], package: Chain) -> Scope:
    """Return what the statements of one scope bind."""
    found: Scope = {}
    elsewhere: set[str] = set()
    for node in _own_nodes(nodes):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name, chain in _targets(node, package):
                found.setdefault(name, []).append(chain)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.setdefault(node.id, [])
        elif isinstance(node, NAMING) and node.name:
            found.setdefault(node.name, [])
        elif isinstance(node, ast.Global | ast.Nonlocal):
            elsewhere |= set(node.names)
    return {name: chains for name, chains in found.items() if name not in elsewhere}


class _Reader(ast.NodeVisitor):
    """Collects what statements mention of their module's names and of imported ones."""

    def __init__(self, module: str, package: Chain, part: Part) -> None:
        self.module, self.package, self.part = module, package, part
        self.scopes: list[tuple[bool, Scope]] = []  # (is it a class's?, its names)

    def _inside(self, nodes: Iterable[ast.AST], scope: Scope, is_class: bool = False) -> None:
        # A function in a class does not see the class's names.
        before = self.scopes
        self.scopes = [pair for pair in before if not pair[0]] + [(is_class, scope)]
        for node in nodes:
            self.visit(node)
        self.scopes = before

    def _function(self, node: Any) -> None:
        lines = [node.body] if isinstance(node, ast.Lambda) else node.body
        for outside in [
            *getattr(node, "decorator_list", []),
            *node.args.defaults,
            *filter(None, node.args.kw_defaults),
        ]:
            self.visit(outside)
        names = [arg.arg for arg in ast.walk(node.args) if isinstance(arg, ast.arg)]
        arguments: Scope = {name: [] for name in names}
        self._inside(lines, {**arguments, **_bindings(lines, self.package)})

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _function

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for outside in [*node.decorator_list, *node.bases, *node.keywords]:
            self.visit(outside)
        self._inside(node.body, _bindings(node.body, self.package), is_class=True)

    def _comprehension(self, node: Any) -> None:
        self.visit(node.generators[0].iter)
        # What it reads of a class around it is its first iterable, visited above.
        self._inside(ast.iter_child_nodes(node), _bindings([g.target for g in node.generators], ()))

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def _mention(self, chain: Chain) -> None:
        for _, scope in reversed(self.scopes):
            if chain[0] in scope:
                for start in scope[chain[0]]:
                    self.part.mentions.add(Mention("", (*start, *chain[1:])))
                return
        self.part.mentions.add(Mention(self.module, chain))

    def visit_Name(self, node: ast.Name) -> None:
        self._mention((node.id,))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.part.attributes.add(node.attr)
        names, base = [node.attr], node.value
        while isinstance(base, ast.Attribute):
            names.append(base.attr)
            self.part.attributes.add(base.attr)
            base = base.value
        if isinstance(base, ast.Name):
            self._mention((base.id, *reversed(names)))
        else:
            self.visit(base)

    def _import(self, node: Any) -> None:
        if isinstance(node, ast.Import):
            chains = [tuple(alias.name.split(".")) for alias in node.names]
        else:
            chains = [chain for _, chain in _targets(node, self.package)]
        self.part.mentions |= {Mention("", chain, imported=True) for chain in chains}

    visit_Import = visit_ImportFrom = _import

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self.part.texts.add(node.value)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        pattern = "".join(
            re.escape(str(piece.value)) if isinstance(piece, ast.Constant) else "(.+)"
            for piece in node.values
        )
        self.part.patterns.add(pattern)
        for piece in node.values:
            if isinstance(piece, ast.FormattedValue):
                self.visit(piece.value)


# --- A module -----------------------------------------------------------------------------------


class Module:
    """A module's definitions, its imports and its own statements.

    Code outside the package has no name: all its statements are its own.
    """

    def __init__(self, name: str, text: str, is_package: bool = False) -> None:
        self.name = name
        path = tuple(name.split("."))
        self.package: Chain = path if is_package else path[:-1]
        self.is_package = is_package
        self.imports: Scope = {}
        self.stars: list[Chain] = []
        self.parts: dict[str, Part] = {OWN: Part()}
        tree = _Bare().visit(ast.parse(text))
        for node in tree.body:
            self._sort(node)
        for part in self.parts.values():
            self._read(part)
        self._follow_decorators()

    def _sort(self, node: ast.stmt) -> None:
        """Put a statement under the names that it defines, or among the module's own."""
        test = ast.unparse(node.test) if isinstance(node, ast.If) else ""
        if test.removeprefix("typing.") == "TYPE_CHECKING":
            self._bind_imports(node.body)
            for line in node.orelse:
                self._sort(line)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            self._bind_imports([node])
        elif re.fullmatch("__name__ == .__main__.", test):
            self.parts.setdefault(MAIN, Part()).nodes.append(node)
        elif methods := _plain_methods(node):
            assert isinstance(node, ast.ClassDef)
            for method in methods:
                node.body.remove(method)
                self.parts.setdefault(f"{node.name}.{method.name}", Part()).nodes.append(method)
            node.body = node.body or [ast.Pass()]
            self.parts.setdefault(node.name, Part()).nodes.append(node)
        elif pairs := _pairs(node):
            for target, value in pairs:
                self._sort(ast.Assign([target], value))
        else:
            names = set(_bindings([node], self.package)) if self.name else set()
            if isinstance(node, ast.Assign | ast.AugAssign | ast.Delete) and not names:
                # TABLE["a"] = f changes TABLE; os.environ["a"] = "b" the world.
                targets = node.targets if not isinstance(node, ast.AugAssign) else [node.target]
                roots = {_root(target) for target in targets}
                names = {name for name in roots if name in self.parts}
            simple = (*FUNCTIONS, ast.ClassDef, ast.Assign, ast.AugAssign)
            if not names or not isinstance(node, simple):
                self.parts[OWN].nodes.append(node)
                self._bind_imports([node])
            for name in names:
                self.parts.setdefault(name, Part()).nodes.append(node)

    def _bind_imports(self, nodes: Iterable[ast.AST]) -> None:
        for name, chains in _bindings(nodes, self.package).items():
            if name == "*":
                self.stars += [chain[:-1] for chain in chains]
            elif chains:
                self.imports.setdefault(name, []).extend(chains)

    def _read(self, part: Part) -> None:
        reader = _Reader(self.name, self.package, part)
        for node in part.nodes:
            reader.visit(node)
        if not self.name or not part.nodes:
            return
        # Where a name of another package comes from belongs to the meaning.
        top = self.name.split(".")[0]
        foreign = {
            f"{mention.chain[0]}={'.'.join(chain)}"
            for mention in part.mentions
            if mention.module
            for chain in self.imports.get(mention.chain[0], [])
            if chain[0] != top
        }
        part.digest = digest("\n".join([*map(meaning, part.nodes), *sorted(foreign)]))

    def _follow_decorators(self) -> None:
        """Let a definition whose decorator is the course's own count for the whole module."""
        for name, part in list(self.parts.items()):
            for node in part.nodes:
                for decorator in getattr(node, "decorator_list", []):
                    seen = Part()
                    _Reader(self.name, self.package, seen).visit(decorator)
                    for mention in seen.mentions:
                        origin = [c[0] for c in self.imports.get(mention.chain[0], [])]
                        if mention.chain[0] in self.parts or self.package[:1] == tuple(origin):
                            self.parts[OWN].mentions.add(Mention(self.name, (name,)))


def _pairs(node: ast.stmt) -> list[tuple[ast.expr, ast.expr]]:
    """Return the single assignments that ``a, b = 1, 2`` stands for; [] if it is none such."""
    if not isinstance(node, ast.Assign) or len(node.targets) > 1:
        return []
    target, value = node.targets[0], node.value
    if not isinstance(target, ast.Tuple) or not isinstance(value, ast.Tuple):
        return []
    starred = any(isinstance(item, ast.Starred) for item in (*target.elts, *value.elts))
    return [] if starred else list(zip(target.elts, value.elts, strict=False))


def _plain_methods(node: ast.stmt) -> list[ast.FunctionDef]:
    """Return the methods of a class that are called by their names only; [] of other statements."""
    if not isinstance(node, ast.ClassDef) or node.keywords or node.decorator_list:
        return []
    if not all(isinstance(base, ast.Name) and base.id in INERT for base in node.bases):
        return []
    return [
        line
        for line in node.body
        if isinstance(line, ast.FunctionDef)
        and not line.name.startswith("__")
        and all(
            isinstance(decorator, ast.Name) and decorator.id in ("classmethod", "staticmethod")
            for decorator in line.decorator_list
        )
    ]


def _root(node: ast.expr) -> str:
    """Return the name that a subscript or an attribute starts from."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


@functools.lru_cache(maxsize=512)
def _module(name: str, text: str, is_package: bool) -> Module:
    """Return the module; the same text is read once."""
    return Module(name, text, is_package)


# --- The package --------------------------------------------------------------------------------


class Library:
    """The package ``utils``, and what code that uses it depends on.

    Args:
        files: the text of each Python file, by its path, as in "utils/plots.py".
        checksums: of the data files, by name, as data/SHA256SUMS lists them.
    """

    def __init__(self, files: Mapping[str, str], checksums: Mapping[str, str]) -> None:
        self.checksums = checksums
        self.modules: dict[str, Module] = {}
        self.files: dict[str, str] = {}
        for path, text in sorted(files.items()):
            name = path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
            self.modules[name] = _module(name, text, path.endswith("__init__.py"))
            self.files[name] = path

    def closure(self, source: str) -> dict[str, str]:
        """Return what Python ``source`` depends on, as {"utils.module.name": hash}.

        A module's own statements stand under its bare name, a data file under its path.
        """
        code = Module("", source)
        waiting = [mention for part in code.parts.values() for mention in part.mentions]
        for chains in code.imports.values():
            waiting += [Mention("", chain, imported=True) for chain in chains]
        waiting += [Mention("", chain) for chain in code.stars]
        parts = list(code.parts.values())
        waiting += [m for part in parts for m in self._named(part.texts)]
        # Names of the code's own are looked up like a module's, through its imports.
        waiting = [
            Mention("", (*start, *mention.chain[1:]), mention.imported)
            for mention in waiting
            for start in (code.imports.get(mention.chain[0], []) or [mention.chain[:1]])
        ]
        found: dict[tuple[str, str], str] = {}
        while waiting or (called := self._called(found, parts)):
            keys = self._resolve(waiting.pop()) if waiting else called
            for module, name in keys:
                if (module, name) in found:
                    continue
                part = self.modules[module].parts.get(name) if module in self.modules else None
                found[module, name] = part.digest if part else MISSING
                if part:
                    parts.append(part)
                    waiting += part.mentions
                    if not self.modules[module].is_package:
                        waiting += self._named(part.texts)
        keys = {
            (f"{module}.{name}" if name else module): value
            for (module, name), value in found.items()
            if value
        }
        return dict(sorted({**keys, **self._data(parts)}.items()))

    def _called(self, found: Iterable[tuple[str, str]], parts: Iterable[Part]) -> set:
        """Return the plain methods of found classes that these parts mention, not found yet."""
        found = set(found)
        mentioned: set[str] = set().union(*(part.attributes | part.texts for part in parts))
        return {
            (module, name)
            for module in {module for module, _ in found if module in self.modules}
            for name in self.modules[module].parts
            if "." in name
            and (module, name.partition(".")[0]) in found
            and name.partition(".")[2] in mentioned
        } - found

    def file_of(self, key: str) -> str | None:
        """Return the file that holds a definition, or None: for data, or one that is missing."""
        while key not in self.files and "." in key:
            key = key.rpartition(".")[0]
        return self.files.get(key)

    def _named(self, texts: Iterable[str]) -> Iterator[Mention]:
        """Yield the modules that strings name, as for ``python -m utils.train``."""
        for text in texts:
            if text in self.modules and "." in text:
                yield Mention("", tuple(text.split(".")))

    def _data(self, parts: Iterable[Part]) -> dict[str, str]:
        """Return the checksums of the data files that these parts name.

        A name put together, as f"{symbol}.csv", counts if each of its pieces is named.
        """
        texts: set[str] = set().union(*(part.texts for part in parts))
        patterns = set().union(*(part.patterns for part in parts))
        last = {text.rpartition("/")[2] for text in texts}
        named = set()
        for file in self.checksums:
            fits = [re.fullmatch(pattern, file) for pattern in patterns]
            if file in last or any(fit and last.issuperset(fit.groups()) for fit in fits):
                named.add(file)
        return {f"data/{file}": self.checksums[file][:DIGITS] for file in named}

    def _resolve(self, mention: Mention) -> set[tuple[str, str]]:
        """Return the parts that a mention means, as (module, name)."""
        found: set[tuple[str, str]] = set()
        if mention.module:
            self._look_up(mention.module, mention.chain, mention.imported, found, set())
        else:
            self._from_top(mention.chain, mention.imported, found, set())
        return found

    def _from_top(self, chain: Chain, imported: bool, found: set, seen: set) -> None:
        if chain[0] in self.modules:
            self._walk(chain[0], chain[1:], imported, found, seen)

    def _walk(self, module: str, chain: Chain, imported: bool, found: set, seen: set) -> None:
        """Go into a module, which runs its own statements, and on along the chain."""
        found.add((module, OWN))
        if chain:
            self._look_up(module, chain, imported, found, seen, attribute=True)
        elif not imported:
            self._whole(module, found, seen)

    def _look_up(
        self,
        module: str,
        chain: Chain,
        imported: bool,
        found: set,
        seen: set,
        attribute: bool = False,
    ) -> None:
        name, rest = chain[0], chain[1:]
        here, child = self.modules[module], f"{module}.{name}"
        if name == "*":
            self._whole(module, found, seen)
        elif name in here.parts:
            found |= {(module, OWN), (module, name)}
        elif name in here.imports and (module, name) not in seen:
            for start in here.imports[name]:
                self._from_top((*start, *rest), imported, found, seen | {(module, name)})
        elif child in self.modules and attribute:
            self._walk(child, rest, imported, found, seen)
        elif stars := [s for s in here.stars if ".".join(s) in self.modules]:
            for star in stars:
                if self._binds(".".join(star), name):
                    self._walk(".".join(star), chain, imported, found, seen)
        elif attribute and not re.fullmatch(r"__\w+__", name):
            found.add((module, name))  # there is none

    def _binds(self, module: str, name: str) -> bool:
        here = self.modules[module]
        return name in here.parts or name in here.imports or bool(here.stars)

    def _whole(self, module: str, found: set, seen: set) -> None:
        """Add all that a module holds; of a package, its submodules too."""
        if (module, "*") in seen:
            return
        seen = seen | {(module, "*")}
        here = self.modules[module]
        found |= {(module, name) for name in here.parts}
        for name, chains in here.imports.items():
            for chain in chains:
                self._from_top(chain, True, found, seen | {(module, name)})
        for star in here.stars:
            self._from_top(star, False, found, seen)
        if here.is_package:
            for child in self.modules:
                if child.rpartition(".")[0] == module:
                    self._walk(child, (), False, found, seen)


# --- Where the files come from ------------------------------------------------------------------


def checksums(text: str) -> dict[str, str]:
    """Return what a list of ``sha256sum`` says, by file name."""
    return {line.split()[1]: line.split()[0] for line in text.splitlines() if line.strip()}


def from_folder(folder: Path) -> Library:
    """Return the library whose package is ``folder``; its data lie in ``data`` beside it."""
    sums = folder.parent / "data" / "SHA256SUMS"
    return Library(
        {
            path.relative_to(folder.parent).as_posix(): path.read_text(encoding="utf-8")
            for path in folder.rglob("*.py")
        },
        checksums(sums.read_text(encoding="utf-8")) if sums.is_file() else {},
    )


def files_at(reference: str, root: Path) -> dict[str, str]:
    """Return the text of each .py and .ipynb file and of SHA256SUMS at a commit, by path.

    Raises:
        ValueError: if git knows no such commit.
    """
    git = ["git", "-C", str(root)]
    wanted = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}"]
    commit = subprocess.run([*git, *wanted], capture_output=True, text=True)
    if commit.returncode:
        raise ValueError(f"git knows no commit {reference!r} here.")
    # The attribute files of the commit decide nothing: what is exported is what is stored.
    packed = subprocess.run(
        [*git, "archive", "--format=tar", commit.stdout.strip()], capture_output=True, check=True
    )
    found = {}
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        for member in archive:
            if member.isfile() and member.name.endswith((".py", ".ipynb", "SHA256SUMS")):
                found[member.name] = archive.extractfile(member).read().decode()
    return found


def from_files(files: Mapping[str, str], package: str = "utils") -> Library:
    """Return the library of the package in ``files``, as `files_at` returns them."""
    return Library(
        {
            path: text
            for path, text in files.items()
            if path.startswith(f"{package}/") and path.endswith(".py")
        },
        checksums(files.get("data/SHA256SUMS", "")),
    )
