package dev.hydra.composer.spec;

import java.util.Optional;

/**
 * Names a site of a model, such as {@code blocks.3.ffn} or, nested in that, {@code
 * blocks.3.ffn.router}. Parameters, auxiliary losses and states of a site are named below its path.
 *
 * @param text names joined by dots
 */
public record SitePath(String text) implements Comparable<SitePath> {
  /** Owns the parameters that sites have in common; nothing stands there. */
  public static final SitePath SHARED = new SitePath("shared");

  private static final String BLOCKS = "blocks";
  private static final char DOT = '.';

  /**
   * Checks the text.
   *
   * @throws IllegalArgumentException if a name between the dots is empty
   */
  public SitePath {
    if (("." + text + ".").contains("..")) {
      throw new IllegalArgumentException(
          "\"" + text + "\" is not the path of a site: names joined by dots, such as blocks.3.ffn");
    }
  }

  /** Names a block of a model, from 0. */
  public static SitePath block(int index) {
    return new SitePath(BLOCKS).child(Integer.toString(index));
  }

  /** Names a site nested in this one. */
  public SitePath child(String name) {
    return new SitePath(text + DOT + name);
  }

  /** Names the site that this one is nested in; nothing for the outermost. */
  public Optional<SitePath> parent() {
    int dot = text.lastIndexOf(DOT);
    return dot < 0 ? Optional.empty() : Optional.of(new SitePath(text.substring(0, dot)));
  }

  /** Returns the last name of the path. */
  public String name() {
    return text.substring(text.lastIndexOf(DOT) + 1);
  }

  /**
   * Returns the full name of something of this site.
   *
   * @param local its name at the site, such as {@code out_proj.weight}
   */
  public String fullName(String local) {
    return text + DOT + local;
  }

  /** Says whether a full name is that of something of this site or of one nested in it. */
  public boolean owns(String fullName) {
    return fullName.length() > text.length()
        && fullName.startsWith(text)
        && fullName.charAt(text.length()) == DOT;
  }

  /**
   * Returns the name at this site of something that it {@linkplain #owns owns}.
   *
   * @throws IllegalArgumentException if it does not
   */
  public String localName(String fullName) {
    if (!owns(fullName)) {
      throw new IllegalArgumentException(fullName + " is not below site " + text);
    }
    return fullName.substring(text.length() + 1);
  }

  /** Says whether another site is this one or nested in it. */
  public boolean contains(SitePath other) {
    return equals(other) || owns(other.text);
  }

  /** Orders by text. */
  @Override
  public int compareTo(SitePath other) {
    return text.compareTo(other.text);
  }

  @Override
  public String toString() {
    return text;
  }
}
