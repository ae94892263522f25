package dev.hydra.dist;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The pages of the distribution speak of the distribution, not of the sources. */
class PagesIT {
  private static final Pattern LINK = Pattern.compile("]\\(\\s*([^)#\\s]+)[^)]*\\)");
  private static final Pattern ADDRESS = Pattern.compile("[a-z]+:.*");
  private static final Pattern SOURCES = Pattern.compile(".*(\\bmvn -|\\bassembly/).*");

  /** Code in the README that names a file of the installation. */
  private static final Pattern NAMED =
      Pattern.compile("`((?:bin|configs|data|docs|examples|lib|maven|plugins)(?:/[\\w./-]*)?)`");

  static List<Path> pages() throws IOException {
    try (Stream<Path> all = Files.walk(Hydra.HOME)) {
      return all.filter(file -> file.toString().endsWith(".md")).sorted().toList();
    }
  }

  @ParameterizedTest
  @MethodSource("pages")
  void whatAPageLinksToIsThere(Path page) throws IOException {
    List<String> broken = new ArrayList<>();
    for (String link : found(LINK, page)) {
      Path target = page.resolveSibling(link).normalize();
      if (!ADDRESS.matcher(link).matches()
          && !(target.startsWith(Hydra.HOME) && Files.exists(target))) {
        broken.add(link);
      }
    }
    assertThat(broken).as("links of " + page).isEmpty();
  }

  @ParameterizedTest
  @MethodSource("pages")
  void noPageBuildsTheSources(Path page) throws IOException {
    assertThat(Files.readAllLines(page)).as(page.toString()).noneMatch(SOURCES.asMatchPredicate());
  }

  @Test
  void whatTheReadmeNamesIsThere() throws IOException {
    List<String> named = found(NAMED, Hydra.HOME.resolve("README.md"));
    assertThat(named)
        .isNotEmpty()
        .allSatisfy(each -> assertThat(Hydra.HOME.resolve(each)).exists());
  }

  private static List<String> found(Pattern pattern, Path page) throws IOException {
    return pattern
        .matcher(Files.readString(page))
        .results()
        .map((MatchResult each) -> each.group(1))
        .toList();
  }
}
