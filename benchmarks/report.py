"""stub"""

from pathlib import Path

from benchmarks.results_file import ResultsFile


def write_report(document: Path, results: ResultsFile) -> None:
    pass
