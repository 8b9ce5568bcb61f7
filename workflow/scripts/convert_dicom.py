from pathlib import Path

from cmrbridge.data.dicom.convert import DicomSettings, convert_dicom
from cmrbridge.runtime.job import job

with job(snakemake) as run:
    convert_dicom(
        folder=Path(snakemake.input.folder),
        output=Path(snakemake.output.folder),
        settings=DicomSettings(**run.resolved(snakemake.params.settings)),
        salt=Path("results/.salt"),
        report=run.report,
    )
