# SPDX-License-Identifier: MIT
"""Print what became of each test in files that `python3 -m test --junit-xml` wrote: a line with its name and outcome.

Of a test that is told of more than once (subtests, or several runs) every outcome is printed, once.
"""
import sys
from xml.etree import ElementTree

outcomes = set()
for path in sys.argv[1:]:
	for case in ElementTree.parse(path).iter('testcase'):
		told = {part.tag for part in case} & {'failure', 'error', 'skipped'}
		outcome = 'passed' if not told else 'skipped' if told == {'skipped'} else 'failed'
		outcomes.add((case.get('name').replace(' ', '_'), outcome))
for name, outcome in sorted(outcomes):
	print(name, outcome)
