"""Building and removing the pipeline: desired state, remote state, plan, execution.

Reading the world (`remote`), deciding (`plan`) and acting (`execute`) are apart; `--dry-run` stops after the second.
"""
