package cli

import (
	"fmt"
	"strings"

	"liftalot/plan"
	"liftalot/plan/apply"
	"liftalot/plan/release"
)

// Trusted implements [run.Release]: a plan may have been made before the key's fingerprint
// changed or signatures were required, or on a machine whose inventory says otherwise.
func (v vendorRelease) Trusted(p *plan.Plan) error {
	if err := v.anotherKey(p); err != nil {
		return err
	}
	if v.host.RequireSignature {
		if err := unsigned(p.Release, settingsOf(v.host)); err != nil {
			return err
		}
	}
	return v.asRemembered(p.Release)
}

// anotherKey refuses a plan that rests on another key of the vendor's, or would place
// one: the bytes count, not what the plan says of them.
func (v vendorRelease) anotherKey(p *plan.Plan) error {
	pinned := v.host.CosignKeySHA256
	keys := []string{p.Release.KeySHA256}
	for _, s := range p.Steps {
		if op, ok := s.Op.(plan.WriteSecret); ok && op.Source == plan.FromKey {
			keys = append(keys, plan.Hash(op.Body))
		}
	}
	for _, key := range keys {
		if key != pinned {
			return &apply.StaleError{Host: v.host.Name, Drift: []string{fmt.Sprintf(
				"it trusts the vendor's key with SHA-256 %s, and the inventory pins %s", key, pinned)}}
		}
	}
	return nil
}

// asRemembered refuses a release that is not what other hosts of this inventory have
// got, or that lacks a signature which they have shown to exist.
func (v vendorRelease) asRemembered(r plan.Release) error {
	memory, err := v.state.memory()
	if err != nil {
		return err
	}
	planned := v.plannedRelease(r)
	memory.Vouch(planned)
	_, err = memory.Check(planned, v.accepts())
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
