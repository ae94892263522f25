package dev.hydra.cli.page;

import java.util.List;

/** A page of HTML, which loads nothing else. */
public final class Document {
  private Document() {}

  /**
   * Returns a page.
   *
   * @param legend the names of what is drawn, in the order of their colours
   * @param parts what is on it, as HTML
   */
  public static String of(String title, List<String> legend, String parts) {
    return "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
        + "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
        + "<title>"
        + Html.escape(title)
        + "</title>\n<style>\n"
        + Parts.style()
        + "</style></head>\n<body><header><h1>"
        + Html.escape(title)
        + "</h1>\n"
        + new Parts().legend(legend).html()
        + "</header>\n<main>\n"
        + parts
        + "</main></body></html>\n";
  }
}
