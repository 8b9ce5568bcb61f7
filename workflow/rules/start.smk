"""Start: what is looked at before the first job of a run. A dry run and an estimate ask for none of it.

Needs   STUDY, DOWNLOADED and DOWNLOADS of common.smk
Makes   nothing; refuses to start
"""

import sys

from cmrbridge.plan.downloads import offline, refuse_hopeless, terms


onstart:
    try:
        check_environment(STUDY, Path(workflow.basedir))
        refuse_orphans(Path.cwd())
        for rows in DOWNLOADED.values():
            refuse_hopeless(rows, DOWNLOADS, offline(STUDY))
            print(terms(rows), file=sys.stderr)
    except InputError as error:
        raise WorkflowError(str(error))
