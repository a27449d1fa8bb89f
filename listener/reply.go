package listener

import (
	"context"
	"log/slog"
	"time"

	"github.com/webhuis/cfengine-messages/message"
)

// Reply finds what a receipt says beyond that the message is stored: the
// schemas that the listener lacks about its sender, and the view of its feed
// (DESIGN.md sections 6 and 10). position is the message's in the queue: what is
// answered knows of it. An error leaves the receipt without both; what is given
// beside it is told all the same.
type Reply func(ctx context.Context, o message.Opened, position int64) (wants []string, view *message.View, err error)

// replyTime bounds a Reply: a node waits for its receipt, and the message is
// on disk already.
const replyTime = 2 * time.Second

// replies tells whether a receipt has to wait for a Reply.
func (l *Listener) replies(in Incoming, o message.Opened) bool {
	return l.reply != nil && o.Sender != "" && in.Answer != nil && !in.Silent && l.rules.Load().Feeds[o.Container.Schema].Replies
}

// answerFully answers with wants and view, in a goroutine of its own, for
// which Close waits: the committer and the workers must not wait for a view.
// Sockets bound how many there are.
func (l *Listener) answerFully(in Incoming, o message.Opened, position int64, status message.Status) {
	defer l.owed.Done()
	ctx, cancel := context.WithTimeout(context.Background(), replyTime)
	defer cancel()
	wants, view, err := l.reply(ctx, o, position)
	if err != nil {
		l.journal.write(slog.LevelError, "receipt without its view", "error", err,
			"sender", o.Sender, "message_id", o.Container.MessageID, "schema", o.Container.Schema)
	}
	in.answer(l.seal(in, o, message.Receipt{Status: status, Wants: wants, View: view}))
}
