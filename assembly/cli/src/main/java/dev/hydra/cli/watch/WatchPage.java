package dev.hydra.cli.watch;

import dev.hydra.cli.page.Parts;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Objects;
import java.util.UUID;

/** The page itself: one document with its style and script, which shows what {@link View} has. */
final class WatchPage {
  private WatchPage() {}

  /** Answers with the page; only its own script may run in it. */
  static void answer(Request request) throws IOException {
    String nonce = UUID.randomUUID().toString();
    request.set(
        "Content-Security-Policy",
        "default-src 'none'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:; script-src 'nonce-"
            + nonce
            + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    request.set("Referrer-Policy", "no-referrer");
    request.answer(
        200,
        "text/html",
        resource("watch.html")
            .replace("{{nonce}}", nonce)
            .replace("{{style}}", Parts.style() + resource("watch.css"))
            .replace("{{script}}", resource("watch.js")));
  }

  private static String resource(String name) throws IOException {
    try (InputStream in = Objects.requireNonNull(WatchPage.class.getResourceAsStream(name), name)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
