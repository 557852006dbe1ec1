package apply

import (
	_ "embed"

	"liftalot/plan/postgres"
)

// The scripts that run on a host. Each is POSIX sh, takes everything by its
// arguments and leaves nothing behind but what its comment says.
var (
	//go:embed scripts/project.sh
	projectScript string
	//go:embed scripts/container.sh
	containerScript string
	//go:embed scripts/watchdog.sh
	watchdogSteps string
	//go:embed scripts/standby.sh
	standbyFunctions string
	//go:embed scripts/dependencies.sh
	dependenciesSteps string
	//go:embed scripts/evidence.sh
	evidenceFunction string
	//go:embed scripts/unhealthy.sh
	unhealthySteps string
	//go:embed scripts/swap.sh
	swapSteps string
	//go:embed scripts/gate.sh
	gateSteps string
	//go:embed scripts/fill.sh
	fillSteps string
	//go:embed scripts/restore.sh
	restoreSteps string
	//go:embed scripts/undo_restore.sh
	undoRestoreSteps string
	//go:embed scripts/start.sh
	startScript string
	//go:embed scripts/pull.sh
	pullScript string
	//go:embed scripts/names.sh
	namesScript string

	dependenciesScript = projectScript + dependenciesSteps
	swapScript         = projectScript + postgres.Names + watchedJob + evidenceFunction + swapSteps
	fillScript         = postgres.Functions + fillSteps
	gateScript         = evidenceFunction + gateSteps
	unhealthyScript    = evidenceFunction + unhealthySteps
	restoreScript      = postgres.Functions + watchedJob + restoreSteps
	undoRestoreScript  = postgres.Functions + watchedJob + undoRestoreSteps

	// watchedJob stands before the script of a job that has a watchdog: it puts the
	// watchdog's script into its folder.
	watchedJob = containerScript + "watchdog_script() { cat <<'END_OF_WATCHDOG'\n" + containerScript + watchdogSteps + "END_OF_WATCHDOG\n}\n" + standbyFunctions
)
