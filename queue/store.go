package queue

import (
	"database/sql"
	"errors"
	"fmt"
)

// maxSenders bounds the memory for senders' numbers, about 15 MB when full.
const maxSenders = 100_000

// writeMessage stores m within the open transaction, unless it is there already.
func (w *writer) writeMessage(m *Message) (Stored, error) {
	sender, err := w.senderNumber(m.Sender)
	if err != nil {
		return Stored{}, err
	}
	oldest := m.ReceivedAt.Add(-DuplicateWindow).UnixMicro()
	position, err := w.recalled(m.MessageID, sender, oldest)
	if err != nil || position > 0 {
		return Stored{Position: position, Duplicate: true}, err
	}
	position, err = w.insertMessage(m, sender)
	if err != nil || position > 0 {
		return Stored{Position: position}, err
	}
	var receivedAt int64
	if err := w.find.QueryRow(m.MessageID, sender).Scan(&position, &receivedAt); err != nil {
		return Stored{}, fmt.Errorf("finding the message stored before: %w", err)
	}
	if receivedAt >= oldest {
		return Stored{Position: position, Duplicate: true}, nil
	}
	if _, err := w.age.Exec(position); err != nil {
		return Stored{}, fmt.Errorf("ageing the message stored before: %w", err)
	}
	position, err = w.insertMessage(m, sender)
	return Stored{Position: position}, err
}

// recalled returns where a message lay that left and whose id is remembered, or 0.
func (w *writer) recalled(id string, sender, oldest int64) (position int64, err error) {
	if !w.pruned {
		return 0, nil // as most often: spare the looking
	}
	var receivedAt int64
	err = w.recall.QueryRow(id, sender).Scan(&position, &receivedAt)
	switch {
	case errors.Is(err, sql.ErrNoRows), err == nil && receivedAt < oldest:
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("recalling a message: %w", err)
	}
	return position, nil
}

// insertMessage returns the position given, or 0 where the id is there already.
func (w *writer) insertMessage(m *Message, sender int64) (int64, error) {
	result, err := w.insert.Exec(m.ReceivedAt.UnixMicro(), m.Pattern, sender, m.Peer,
		m.Schema, m.Version, m.MessageID, m.IssuedAt, int64(m.Seq), m.Encrypted, m.Frame)
	if err != nil {
		return 0, fmt.Errorf("inserting a message: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return 0, err
	}
	return result.LastInsertId()
}

// senderNumber returns the number the file knows a sender by, given if need be.
func (w *writer) senderNumber(digest string) (int64, error) {
	if id, known := w.senders[digest]; known {
		return id, nil
	}
	id, err := w.lookUpSender(digest)
	if err != nil {
		return 0, fmt.Errorf("numbering a sender: %w", err)
	}
	if len(w.senders) >= maxSenders {
		clear(w.senders)
	}
	w.senders[digest] = id
	return id, nil
}

func (w *writer) lookUpSender(digest string) (id int64, err error) {
	err = w.findSender.QueryRow(digest).Scan(&id)
	if !errors.Is(err, sql.ErrNoRows) {
		return id, err
	}
	result, err := w.addSender.Exec(digest)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}
