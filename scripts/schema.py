"""Write schema/report-v1.json from the types of the report: ``python scripts/schema.py``."""

from __future__ import annotations

import json
from pathlib import Path

from oci_chart_publish.report.document import json_schema

if __name__ == "__main__":
    target = Path(__file__).parents[1] / "schema" / "report-v1.json"
    target.write_text(json.dumps(json_schema(), indent=2) + "\n")
