"""Start: what is looked at before the first job of a run. A dry run and an estimate ask for none of it.

Needs   STUDY of common.smk
Makes   nothing; refuses to start
"""


onstart:
    try:
        check_environment(STUDY, Path(workflow.basedir))
        refuse_orphans(Path.cwd())
    except InputError as error:
        raise WorkflowError(str(error))
