package cli

import (
	"fmt"
	"strings"

	"liftalot/plan"
	"liftalot/plan/apply"
	"liftalot/plan/journal"
	"liftalot/plan/release"
)

// stillTrusted holds a plan against what the inventory says of trust now: it may have
// been made before the key's fingerprint changed or signatures were required, or on a
// machine whose inventory says otherwise. A way back is free, and so is a run whose
// swap is through: what it installs runs by then.
func (t *target) stillTrusted(p *plan.Plan, records []journal.Record) error {
	last := journal.Summarise(records)
	begun := last.Run == p.ID
	if p.Kind != plan.Upgrade || p.Empty() || begun && last.Step("swap").InEffect() {
		return nil
	}
	err := t.anotherKey(p)
	if err == nil && t.host.RequireSignature {
		err = unsigned(p.Release, t.settings())
	}
	if err == nil {
		err = t.asRemembered(p.Release)
	}
	if err == nil {
		return nil
	}
	if begun {
		return &hostError{
			host: t.host.Name, code: exitInterrupted, err: fmt.Errorf("%s: run %s stopped half way and cannot be gone on with: %w", t.host.Name, p.ID, err),
			hint: fmt.Sprintf(`"liftalot rollback %s" takes it back; it goes on only where the inventory accepts its release`, t.host.Name),
		}
	}
	code, _ := classify(t.host.Name, err)
	return &hostError{
		host: t.host.Name, code: code, err: named(t.host.Name, err),
		hint: fmt.Sprintf("nothing was changed; look again and plan anew: liftalot plan %s", t.host.Name),
	}
}

// anotherKey refuses a plan that rests on another key of the vendor's, or would place
// one: the bytes count, not what the plan says of them.
func (t *target) anotherKey(p *plan.Plan) error {
	pinned := t.host.CosignKeySHA256
	keys := []string{p.Release.KeySHA256}
	for _, s := range p.Steps {
		if s.Op.Secret != nil && s.Op.Secret.Source == plan.FromKey {
			keys = append(keys, plan.Hash(s.Op.Secret.Body))
		}
	}
	for _, key := range keys {
		if key != pinned {
			return &apply.StaleError{Host: t.host.Name, Moved: []string{fmt.Sprintf(
				"it trusts the vendor's key with SHA-256 %s, and the inventory pins %s", key, pinned)}}
		}
	}
	return nil
}

// asRemembered refuses a release that is not what other hosts of this inventory have
// got, or that lacks a signature which they have shown to exist.
func (t *target) asRemembered(r plan.Release) error {
	memory, err := t.memory()
	if err != nil {
		return err
	}
	planned := t.plannedRelease(r)
	memory.Vouch(planned)
	_, err = memory.Check(planned, t.accepts())
	return err
}

func unsigned(r plan.Release, s plan.Settings) error {
	what := r.Unsigned(s)
	if len(what) == 0 {
		return nil
	}
	return &release.TrustError{
		Subject: fmt.Sprintf("the planned release %s", r.Version),
		Reason:  fmt.Sprintf("signatures are required, and the plan has none for %s", strings.Join(what, " and ")),
	}
}
