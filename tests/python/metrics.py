"""Parses a page of metrics as Prometheus' own client library does, and reports every
sample as [NAME, LABELS, VALUE]; what it cannot parse fails it."""

import json
import sys

from prometheus_client.parser import text_string_to_metric_families

with open(sys.argv[1], encoding="utf-8") as page:
    text = page.read()
samples = []
for family in text_string_to_metric_families(text):
    assert family.type in ("counter", "gauge", "histogram"), family
    assert family.documentation, family
    for sample in family.samples:
        assert sample.name.startswith("mini_mcp_"), sample
        samples.append([sample.name, sample.labels, sample.value])
names = [json.dumps(sample[:2], sort_keys=True) for sample in samples]
assert len(set(names)) == len(names), "a sample stands there twice"
json.dump(samples, sys.stdout)
