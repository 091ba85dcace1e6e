"""No module of the library imports itself through others, not even inside a function or for its types."""

from __future__ import annotations

from architecture.library import Module, modules

from platform_core.graph import shortest_cycles


def dotted(module: Module) -> str:
    return f"platform_core/{module.name}".removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def test_no_module_imports_itself_by_a_detour() -> None:
    names = {dotted(module) for module in modules()}
    # The package itself names the public face, wherever that lies; nothing of the library imports it.
    imported = {
        dotted(module): sorted({name for _, name in module.imports() if name in names} - {dotted(module)})
        for module in modules()
    }
    assert not [name for name, others in imported.items() if "platform_core" in others]
    assert list(shortest_cycles(imported)) == []
