package dev.hydra.cli.page;

import dev.hydra.serve.WebPage;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Objects;

/** Reads pages that go on asking the server that they came from. */
public final class LivePage {
  private LivePage() {}

  /**
   * Returns a page.
   *
   * @param owner in whose package its parts are
   * @param name that of its parts: {@code name.html} has the places {@code {{style}}}, {@code
   *     {{script}}} and {@code {{nonce}}}, {@code name.css} and {@code name.js} fill them; {@code
   *     {{change}}} stands for the fields by which components are swapped
   */
  public static WebPage read(Class<?> owner, String name) {
    return WebPage.of(
        nonce ->
            resource(owner, name + ".html")
                .replace("{{nonce}}", nonce)
                .replace("{{change}}", resource(LivePage.class, "change.html"))
                .replace(
                    "{{style}}",
                    Parts.style()
                        + resource(LivePage.class, "live.css")
                        + resource(owner, name + ".css"))
                .replace(
                    "{{script}}",
                    resource(LivePage.class, "live.js")
                        + resource(LivePage.class, "change.js")
                        + resource(owner, name + ".js")));
  }

  private static String resource(Class<?> owner, String name) {
    try (InputStream in = Objects.requireNonNull(owner.getResourceAsStream(name), name)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
