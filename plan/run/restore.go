package run

import (
	"context"
	"fmt"

	"liftalot/plan"
	"liftalot/plan/backup"
	"liftalot/plan/journal"
)

// NextRestore finds the restore that was interrupted, or decides a new one of a backup.
func (h *Host) NextRestore(ctx context.Context, id string) (Job, error) {
	runs, err := h.State.Runs()
	if err != nil {
		return Job{}, err
	}
	job, err := h.nextRestore(ctx, runs, id)
	job.head = headOf(runs)
	return job, err
}

func (h *Host) nextRestore(ctx context.Context, runs []journal.RunState, id string) (Job, error) {
	if last, ok := interrupted(runs); ok {
		if last.Action != journal.Restore {
			return Job{}, unfinished(h.Name, last)
		}
		p, hash, err := h.State.Plan(last.Run)
		if err != nil {
			return Job{}, err
		}
		if under := backupOf(p); id != "" && id != under {
			return Job{}, &StateError{
				Unfinished, fmt.Errorf("%s: the restore of backup %s was interrupted and is not finished, so %s cannot be put back now", h.Name, under, id),
				Resume(h.Name, journal.Restore),
			}
		}
		return Job{Plan: p, Was: p, Hash: hash, Resumes: true}, nil
	}
	m, err := h.Backups.Proven(ctx, id)
	if err != nil {
		return Job{}, err
	}
	facts, err := h.Look(ctx)
	if err != nil {
		return Job{}, err
	}
	if err := h.RolesThere(ctx, facts, m); err != nil {
		return Job{}, err
	}
	losses, err := h.losses(ctx, facts, m)
	if err != nil {
		return Job{}, err
	}
	run, err := NewID(h.Clock.Now())
	if err != nil {
		return Job{}, err
	}
	dump, _ := m.File(backup.Dump)
	p, err := plan.BuildRestore(plan.RestoreInput{
		Facts: facts, ID: run, Now: h.Clock.Now(), Losses: losses,
		Backup: plan.Restorable{
			ID: m.ID, Taken: m.Taken, Version: m.Version, Migration: m.Migration, OnHost: m.OnHost, Size: dump.Size, SHA256: dump.SHA256,
		},
	})
	if err != nil {
		return Job{}, err
	}
	return jobOf(p)
}

// backupOf returns the id of the backup that a restore puts back.
func backupOf(p *plan.Plan) string {
	op, _ := plan.Find[plan.Send](p.Steps)
	return op.Backup
}

// RolesThere makes sure that the host's database has the roles that a backup needs, before
// anything is sent or dropped.
func (h *Host) RolesThere(ctx context.Context, f *plan.Facts, m *backup.Manifest) error {
	missing, err := backup.MissingRoles(ctx, h.Client, f.Database, m.NeededRoles())
	if err != nil {
		return fmt.Errorf("%s: %w", h.Name, err)
	}
	return plan.RolesThere(f, missing)
}

// losses says in words and numbers what a return to a backup loses.
func (h *Host) losses(ctx context.Context, f *plan.Facts, m *backup.Manifest) ([]string, error) {
	live, err := backup.Counts(ctx, h.Client, f.Database, m.HostClock) // rows have the host's time
	if err != nil {
		return nil, fmt.Errorf("%s: what would be lost cannot be counted: %w", h.Name, err)
	}
	return m.Loss(h.Clock.Now(), live), nil
}
