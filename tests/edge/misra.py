"""The deviation record: which rules of MISRA C:2012 generated C violates, and why. No rule may join without a line here."""

from __future__ import annotations

DEVIATIONS: dict[str, str] = {
    "2.2": "the checker misreads `sizeof *workspace` as an operation without effect",
    "2.3": "the type that checks the size of the workspace while compiling is used nowhere else",
    "2.4": "constants are an enum without a tag, which no variable has as its type",
    "2.5": "macros of the header are for the caller's preprocessor, and this file uses few of them",
    "8.7": "the functions of the header have external linkage: they are the interface",
    "8.9": "tables stand at file scope beside the comment that gives their order; one function reads each",
    "8.14": "restrict: pointers of a layer never meet, and without it no compiler vectorises",
    "10.1": "shifts of numbers that are not negative, by counts that are int as the steps of a layer have them",
    "10.3": "an int keeps what a comparison gives, and a counter of one type starts from a constant of another; -Wconversion watches values",
    "10.4": "constants such as 0 and 255 are int beside size_t and bytes",
    "10.8": "a result is widened after arithmetic whose range is known, in the order that defines the bits",
    "11.6": "the test of overlap compares addresses as numbers",
    "12.1": "products before sums as in mathematics; parentheses stand where operators are rarer",
    "12.3": "the checker takes commas between declared variables, and between two counters of a loop, for the operator",
    "14.2": "a loop over the outputs of a row advances its counter in its body, by as many as were computed together",
    "14.4": "flags are int, as C's own comparisons are",
    "15.5": "an argument that is refused returns at once, before anything is written",
    "15.7": "an else-if without an else, where nothing is left to do",
    "18.4": "pointer arithmetic addresses rows of an array whose size the code knows",
    "19.2": "the arena is a union: bytes are used as several types at different times, never read as another",
    "20.1": "kernels for one processor's instructions include that processor's header where they stand",
    "20.7": "a macro that defines a function takes its name, which cannot stand in parentheses",
    "20.10": "macros join the names of vector types, one for each width",
}
