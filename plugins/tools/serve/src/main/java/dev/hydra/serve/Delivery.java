package dev.hydra.serve;

import java.io.IOException;
import java.io.OutputStream;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Brings an answer to the client, whole or piece by piece, and notices when the client has gone:
 * while there is nothing to say, something that means nothing is sent.
 */
final class Delivery {
  /** After so long without a piece, what means nothing is sent. */
  private static final long BEAT_MILLIS = 2000;

  /** What an endpoint makes of pieces. */
  interface Form {
    /** Takes a piece; returns the event that says it, if one does. */
    @Nullable Map<String, @Nullable Object> event(Piece piece);

    /** Returns the event that comes first for a choice, if one does. */
    default @Nullable Map<String, @Nullable Object> begin(Choice choice) {
      return null;
    }

    /** Returns the event that comes last, if one does. */
    @Nullable Map<String, @Nullable Object> end();

    /** Returns the answer as a whole, once all pieces were taken. */
    Map<String, @Nullable Object> whole();
  }

  private Delivery() {}

  /** Sends events as pieces come. */
  static void stream(Call call, Answer answer, Form form) throws IOException, InterruptedException {
    EventStream events = new EventStream(call);
    for (Choice choice : answer.choices()) {
      send(events, form.begin(choice));
    }
    try {
      while (answer.more()) {
        Piece piece = answer.next(BEAT_MILLIS);
        if (piece == null) {
          events.beat();
        } else {
          send(events, form.event(piece));
        }
      }
      send(events, form.end());
    } catch (ApiException e) {
      call.note(e);
      events.send(e.error());
    }
    events.done();
    call.abort();
  }

  private static void send(EventStream events, @Nullable Map<String, @Nullable Object> event)
      throws IOException {
    if (event != null) {
      events.send(event);
    }
  }

  /**
   * Sends the answer when it is complete. If that takes long the answer begins with white space,
   * which JSON allows: writing is the only way to notice that the client has gone.
   */
  static void whole(Call call, Answer answer, Form form) throws IOException, InterruptedException {
    OutputStream begun = null;
    Map<String, @Nullable Object> value;
    try {
      long quiet = System.nanoTime() + BEAT_MILLIS * 1_000_000;
      while (answer.more()) {
        long left = Math.max(1, (quiet - System.nanoTime()) / 1_000_000);
        Piece piece = answer.next(left);
        if (piece != null) {
          form.event(piece);
        }
        if (System.nanoTime() >= quiet) {
          begun = begun == null ? call.stream("application/json") : begun;
          begun.write(' ');
          begun.flush();
          quiet = System.nanoTime() + BEAT_MILLIS * 1_000_000;
        }
      }
      value = form.whole();
    } catch (ApiException e) {
      if (begun == null) {
        throw e;
      }
      call.note(e);
      value = e.error();
    }
    if (begun == null) {
      call.answer(200, value);
    } else {
      begun.write(Json.bytes(value));
      call.abort();
    }
  }
}
