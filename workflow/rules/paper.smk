"""Paper: tables, figures and the report, each a query over cases.csv and the records.

Needs   evaluation/{cases.csv,comparisons.csv}, records and metrics of the runs, galleries of the generators
Makes   results/{study}/paper/{tables,figures}/…, report.html
"""
