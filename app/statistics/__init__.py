"""Statistics: questions about the record, answered as of any revision."""

from app.statistics.answer import Answer, find_answer
from app.statistics.catalogue import catalogue
from app.statistics.codes import Codes, find_codes
from app.statistics.comparison import Comparison, find_comparison
from app.statistics.difference import Change, find_difference
from app.statistics.question import Parameter, Question, parameters, read_question

__all__ = [
    "Answer",
    "Change",
    "Codes",
    "Comparison",
    "Parameter",
    "Question",
    "catalogue",
    "find_answer",
    "find_codes",
    "find_comparison",
    "find_difference",
    "parameters",
    "read_question",
]
