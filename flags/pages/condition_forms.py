"""The rows of conditions in the form of a rule or a segment, and how more of them are asked for.

`conditions.js` adds a row in the page. Without it the same button asks the server, which answers
with all that was typed so far, unchecked, and with more rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms

from flags.core.differences import OPERATOR_WORDS
from flags.core.faults import MOST_CONDITIONS
from flags.core.specs import ConditionSpec, Operator

MORE = "_more"
"""The name of the button that asks for more rows."""

_SPARE = 2
"""Empty rows below the conditions that are there."""


class ConditionForm(forms.Form):
    """One comparison; without an attribute it is no condition."""

    attribute = forms.CharField(
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"placeholder": "country"}),
    )
    negate = forms.ChoiceField(
        label="Does or does not",
        choices=[("", "does"), ("1", "does not")],
        required=False,
    )
    operator = forms.ChoiceField(
        choices=[(one.value, f"{words[0]} ({one.value})") for one, words in OPERATOR_WORDS.items()]
    )
    values = forms.CharField(
        required=False,
        strip=False,
        max_length=100_000,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "one a line: any may fit"}),
    )
    fold_case = forms.BooleanField(label="Any case", required=False)

    def condition(self) -> ConditionSpec | None:
        given = self.cleaned_data
        if not given.get("attribute"):
            return None
        return ConditionSpec(
            attribute=given["attribute"],
            operator=Operator(given["operator"]),
            values=tuple(line.strip() for line in given["values"].splitlines() if line.strip()),
            negate=bool(given["negate"]),
            fold_case=given["fold_case"],
        )


_Conditions = forms.formset_factory(
    ConditionForm,
    extra=_SPARE,
    max_num=MOST_CONDITIONS,
    validate_max=True,
    absolute_max=MOST_CONDITIONS * 2,
)


def asks_more(data: Any) -> bool:
    """Was the button for more rows pressed, so that nothing is to be checked or done yet?"""
    return data is not None and MORE in data


def conditions_form(data: Any, conditions: Iterable[ConditionSpec] = ()) -> Any:
    """The rows of a rule or segment: those there are, and some to fill."""
    rows = [
        {
            "attribute": one.attribute,
            "operator": one.operator.value,
            "values": "\n".join(one.values),
            "negate": "1" if one.negate else "",
            "fold_case": one.fold_case,
        }
        for one in conditions
    ]
    bound = _Conditions(data, initial=rows, prefix="c")
    if not asks_more(data):
        return bound
    typed = (as_typed(form, data) for form in bound.forms)
    filled = [row for row in typed if row["attribute"] or row["values"]]
    return _Conditions(initial=filled, prefix="c")


def conditions_of(formset: Any) -> tuple[ConditionSpec, ...]:
    """What was typed, without the rows left empty."""
    found = (form.condition() for form in formset)
    return tuple(one for one in found if one is not None)


def as_typed(form: forms.Form, data: Any) -> dict[str, Any]:
    """What was typed into a form, unchecked: to show it again before it is finished."""
    return {
        name: field.widget.value_from_datadict(data, {}, form.add_prefix(name))
        for name, field in form.fields.items()
        if not field.disabled
    }
