package apply

import (
	"context"

	"liftalot/plan"
	"liftalot/remote"
)

// names gives pulled images their tags, or gives the tags back.
func (e *Engine) names(ctx context.Context, op plan.Names) error {
	name, args := "give the images their tags", []string{"forth"}
	if op.IsRollback {
		name, args = "give the tags back", []string{"back"}
	}
	for _, i := range op.Images {
		args = append(args, i.Ref, i.Name, i.Keep)
	}
	_, err := e.runRoot(ctx, remote.Command{Name: name, Script: namesScript, Args: args})
	return err
}
