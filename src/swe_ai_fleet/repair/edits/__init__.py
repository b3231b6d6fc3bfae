"""Families of edits, by how often real fixes are of that kind.

The shares follow the counts of single-statement fixes in ManySStuBs4J (Karampatsis and Sutton, MSR 2020) and
PySStuBs (Kamienski et al., MSR 2021) where these have the kind, and the fix patterns of TBar (Liu et al., ISSTA
2019) for guards and whole statements. A new family is one function and one line here.
"""

import ast

from swe_ai_fleet.repair.edits import (
    blocks,
    calls,
    conditions,
    guards,
    insertions,
    names,
    operators,
    statements,
    values,
)
from swe_ai_fleet.repair.edits.site import Family, Option, Site

_STATEMENT = (ast.stmt,)
_TEST = (ast.If, ast.While, ast.IfExp, ast.Assert, ast.comprehension)

FAMILIES: tuple[Family, ...] = (
    Family("comparison", 0.12, (ast.Compare,), operators.change_comparison),
    Family("arithmetic", 0.10, (ast.BinOp, ast.AugAssign), operators.change_arithmetic),
    Family("logic", 0.08, (ast.BoolOp,), operators.change_logic),
    Family("negation", 0.08, _TEST, conditions.negate),
    Family("operand dropped", 0.06, (ast.BinOp, ast.BoolOp, ast.UnaryOp, ast.IfExp), operators.drop_operand),
    Family("operands swapped", 0.04, (ast.BinOp, ast.Compare), operators.swap_operands),
    Family("grouping", 0.02, (ast.BinOp,), operators.regroup),
    Family("boundary", 0.03, (ast.Compare,), operators.shift_boundary),
    Family("constant", 0.10, (ast.Constant,), values.change_constant),
    Family("off by one", 0.06, (ast.expr,), values.off_by_one),
    Family("collection", 0.04, (ast.expr,), values.change_collection),
    Family("default", 0.03, (ast.FunctionDef, ast.AsyncFunctionDef), values.change_default),
    Family("variable", 0.11, (ast.Name,), names.change_name),
    Family("attribute", 0.12, (ast.Attribute,), names.change_attribute),
    Family("function", 0.09, (ast.Name,), names.change_function),
    Family("expression", 0.04, (ast.expr,), names.change_expression),
    Family("variable for expression", 0.03, (ast.expr,), names.change_to_name),
    Family("arguments swapped", 0.06, (ast.Call,), calls.swap_arguments),
    Family("argument dropped", 0.03, (ast.Call,), calls.drop_argument),
    Family("argument added", 0.04, (ast.Call,), calls.add_argument),
    Family("receiver", 0.01, (ast.Call,), calls.change_receiver),
    Family("keyword", 0.02, (ast.keyword,), calls.change_keyword),
    Family("unwrapped", 0.03, (ast.Call, ast.Subscript, ast.Attribute, ast.Await, ast.Starred), calls.unwrap),
    Family("wrapped", 0.03, (ast.expr,), calls.wrap),
    Family("combined", 0.03, (ast.expr,), calls.combine),
    Family("subscript", 0.05, (ast.Subscript,), calls.change_subscript),
    Family("clause", 0.05, _TEST, conditions.add_clause),
    Family("condition", 0.03, _TEST, conditions.change_condition),
    Family("comparison for value", 0.02, (ast.Return, ast.Assign), conditions.compare_result),
    Family("filter", 0.02, (ast.comprehension,), conditions.change_filter),
    Family("loop", 0.05, (ast.For, ast.AsyncFor, ast.comprehension), conditions.change_loop),
    Family("statement deleted", 0.04, _STATEMENT, blocks.delete_statement),
    Family("nesting", 0.03, _STATEMENT, blocks.unnest),
    Family("statement moved", 0.03, _STATEMENT, blocks.move_statement),
    Family("jump", 0.03, _STATEMENT, statements.change_jump),
    Family("result", 0.03, (ast.Expr,), statements.change_result),
    Family("jump inserted", 0.02, _STATEMENT, guards.insert_jump),
    Family("guard", 0.03, _STATEMENT, guards.insert_guard),
    Family("enclosed", 0.01, _STATEMENT, guards.enclose),
    Family("assignment", 0.04, _STATEMENT, statements.change_assignment),
    Family("assignment inserted", 0.03, _STATEMENT, insertions.insert_assignment),
    Family("call inserted", 0.03, _STATEMENT, insertions.insert_call),
    Family("statement copied", 0.02, _STATEMENT, insertions.copy_statement),
    Family("exception", 0.04, (ast.ExceptHandler, ast.Raise), statements.change_exception),
)

__all__ = ["FAMILIES", "Family", "Option", "Site"]
