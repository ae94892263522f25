package dev.hydra.serve;

import java.io.IOException;
import java.io.OutputStream;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Server-sent events (HTML Living Standard, section 9.2), each a JSON object. */
final class EventStream {
  private final OutputStream out;

  /** Begins the answer. */
  EventStream(Call call) throws IOException {
    call.set("Cache-Control", "no-cache");
    out = call.stream("text/event-stream; charset=utf-8");
  }

  /** Sends an event; throws IOException if the client has gone. */
  void send(Map<String, @Nullable Object> event) throws IOException {
    write("data: " + Json.text(event) + "\n\n");
  }

  /** Sends a comment, so that a client that has gone is noticed. */
  void beat() throws IOException {
    write(": waiting\n\n");
  }

  /** Says that nothing more comes. */
  void done() throws IOException {
    write("data: [DONE]\n\n");
  }

  private void write(String text) throws IOException {
    out.write(Call.utf8(text));
    out.flush();
  }
}
