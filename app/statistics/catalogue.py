"""Catalogue: everything that may be asked, in words and codes from which a client can build its form."""

from collections.abc import Sequence
from typing import Any

from app.statistics.behind import COUNTING
from app.statistics.beside import LAG_WEEKS_LIMIT, Vintage, has_vintages
from app.statistics.breaks import BREAKS, describe_break
from app.statistics.cells import companions
from app.statistics.codes import Codes
from app.statistics.delays import has_nowcast
from app.statistics.dimensions import DIMENSIONS, GRAINS, Dimension, GrainEntry
from app.statistics.measures import MEASURES, SENTENCE_SHARE, SMALL_N, Measure
from app.statistics.presets import PRESETS, Preset
from app.statistics.question import HIGHEST_GROUP_BY, LAST_N_LIMIT, parameters
from app.statistics.transforms import TRANSFORMS, Transform
from app.vocabulary import CODELISTS, Codelist


def catalogue(
    lang: str = "en",
    known: Codes | None = None,
    *,
    cells_limit: int = 50_000,
    rounding: int = 1,
    method_breaks: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Measures, dimensions, grains, transforms, presets, parameters, breaks and limits, labelled in a language.

    `known` adds the codes of courts, regions and offences, which depend on the revision.
    """
    return {
        "measures": [_measure(measure, lang) for measure in MEASURES.values()],
        "dimensions": [_dimension(dimension, lang, known) for dimension in DIMENSIONS.values()],
        "grains": [_grain(entry, lang) for entry in GRAINS.values()],
        "transforms": [_transform(entry, lang) for entry in TRANSFORMS.values()],
        "presets": [_preset(preset, lang) for preset in PRESETS.values()],
        "parameters": [
            {
                "id": entry.id,
                "is_list": entry.is_list,
                "caption": entry.caption,
                "dimension": entry.dimension,
                "codes": list(entry.codes) or None,
            }
            for entry in parameters()
        ],
        "breaks": [
            *({**describe_break(entry, lang), "definition": entry.definition} for entry in BREAKS.values()),
            *method_breaks,
        ],
        "limits": {
            "cells": cells_limit,
            "grains_per_question": 1,
            "group_by": HIGHEST_GROUP_BY,
            "lag": LAG_WEEKS_LIMIT,
            "last_n": LAST_N_LIMIT,
            "small_n": SMALL_N,
            "rounding": rounding,
        },
    }


def _measure(measure: Measure, lang: str) -> dict[str, Any]:
    ratio = measure.ratio
    return {
        "id": measure.id,
        "caption": measure.label(lang),
        "unit": measure.unit.value,
        "event": measure.event.value,
        "unit_of_value": measure.unit_of_value,
        "additive": measure.additive,
        "additive_over": list(measure.additive_over),
        "definition": measure.definition,
        "definition_version": measure.definition_version,
        "kind": measure.kind.value,
        "has_bounds": measure.has_bounds,
        "no_bounds": measure.no_bounds or None,
        "transforms": [entry.id for entry in TRANSFORMS.values() if entry.fits(measure)],
        "vintages": [one.value for one in Vintage if one is Vintage.LATEST or has_vintages(measure, one)],
        "has_nowcast": has_nowcast(measure),
        "has_records": measure.kind in COUNTING,
        "numerator": ratio.numerator if ratio else None,
        "denominator": ratio.denominator if ratio else None,
        "companions": [column.id for column in companions(measure, lang)],
    }


def _dimension(dimension: Dimension, lang: str, known: Codes | None) -> dict[str, Any]:
    codelist = known.lists[dimension.id] if known else CODELISTS.get(dimension.codelist)
    return {
        "id": dimension.id,
        "caption": dimension.label(lang),
        "codelist": dimension.codelist,
        "learnt": dimension.learnt,
        "additive": dimension.additive,
        "codes": _codes(codelist, lang) if codelist else None,
        "filters": [dimension.id, f"{dimension.id}__ne"],
    }


def _codes(codelist: Codelist, lang: str) -> list[dict[str, str]]:
    return [{"id": code.id, "label": code.ru if lang == "ru" else code.en} for code in codelist.codes]


def _grain(entry: GrainEntry, lang: str) -> dict[str, str]:
    return {
        "id": entry.grain.value,
        "caption": entry.label(lang),
        "type": entry.type,
        "example": entry.example,
    }


def _transform(entry: Transform, lang: str) -> dict[str, Any]:
    return {
        "id": entry.id,
        "caption": entry.label(lang),
        "unit": entry.unit,
        "definition": entry.definition,
        "needs_grain": entry.needs_grain,
        "needs_dimension": entry.needs_dimension,
        "measures": [measure.id for measure in MEASURES.values() if entry.fits(measure)],
    }


def _preset(preset: Preset, lang: str) -> dict[str, Any]:
    extra = [_measure(SENTENCE_SHARE, lang)] if SENTENCE_SHARE in preset.measures else []
    return {
        "id": preset.id,
        "caption": preset.caption_ru if lang == "ru" else preset.caption,
        "measures": [measure.id for measure in preset.measures],
        "takes_measures": preset.takes_measures,
        "grain": preset.grain.value if preset.grain else None,
        "dimension": preset.dimension,
        "always_shown": list(preset.always_shown),
        "own_measures": extra,
    }
