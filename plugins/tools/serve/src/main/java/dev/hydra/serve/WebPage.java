package dev.hydra.serve;

import java.util.UUID;
import java.util.function.UnaryOperator;

/**
 * A page: one HTML document with its style and script, which loads nothing else.
 *
 * @param html the document
 * @param policy the header {@code Content-Security-Policy} that it is to be sent with: no script
 *     but its own may run in it, and it may ask the server that it came from only
 */
public record WebPage(String html, String policy) {
  /**
   * Creates a page.
   *
   * @param document makes it, given the nonce that its {@code script} element must have; other each
   *     time
   */
  public static WebPage of(UnaryOperator<String> document) {
    String nonce = UUID.randomUUID().toString();
    return new WebPage(
        document.apply(nonce),
        "default-src 'none'; style-src 'unsafe-inline'; connect-src 'self'; img-src data:;"
            + " script-src 'nonce-"
            + nonce
            + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
  }
}
