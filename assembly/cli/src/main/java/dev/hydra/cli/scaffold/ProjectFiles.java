package dev.hydra.cli.scaffold;

import dev.hydra.cli.common.UsageException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Properties;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The files of a new plugin project: templates beside this class, in which <code>{{name}}</code>
 * stands for a value.
 *
 * @param texts what is in each file, by its path below the project's folder
 */
public record ProjectFiles(Map<String, String> texts) {
  private static final Pattern VARIABLE = Pattern.compile("\\{\\{([A-Za-z.]+)}}");
  private static final Pattern IMPORT =
      Pattern.compile("^import (?:static )?([\\w.]+\\.(\\w+));", Pattern.MULTILINE);

  /**
   * Fills in the templates of the project's role.
   *
   * @param home the installation to build against; Maven's expressions are understood
   * @throws UsageException if the names of the project's classes clash with what they use
   */
  public static ProjectFiles of(PluginProject project, String home) throws IOException {
    Map<String, String> values = values(project);
    Map<String, String> texts = new LinkedHashMap<>();
    String role = project.role().key() + "/";
    String source = "/java/" + project.path() + "/" + project.className();
    String component = project.role().type().getSimpleName();
    texts.put("README.md", fill("README.md", values));
    texts.put(".gitignore", fill("gitignore", values));
    texts.put("example.conf", fill(role + "example.conf", values));
    texts.put("src/main" + source + "Factory.java", fill(role + "Factory.java", values));
    texts.put("src/main" + source + component + ".java", fill(role + "Component.java", values));
    texts.put("src/test" + source + "Test.java", fill(role + "Test.java", values));
    checkImports(project, texts);
    values.put("home", xml(home));
    texts.put("pom.xml", fill("pom.xml", values));
    return new ProjectFiles(texts);
  }

  private static Map<String, String> values(PluginProject project) throws IOException {
    Map<String, String> values = new HashMap<>(versions());
    values.put("artifact", project.artifact());
    values.put("group", project.group());
    values.put("package", project.packageName());
    values.put("path", project.path());
    values.put("type", project.type());
    values.put("Name", project.className());
    values.put("role", project.roleInWords());
    values.put("Role", project.role().type().getSimpleName());
    values.put("command", project.command());
    return values;
  }

  private static Map<String, String> versions() throws IOException {
    Properties versions = new Properties();
    try (InputStream in = open("build.properties")) {
      versions.load(in);
    }
    Map<String, String> map = new HashMap<>();
    versions.stringPropertyNames().forEach(name -> map.put(name, versions.getProperty(name)));
    return map;
  }

  private static String fill(String template, Map<String, String> values) throws IOException {
    String text;
    try (InputStream in = open(template)) {
      text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
    return VARIABLE
        .matcher(text)
        .replaceAll(match -> Matcher.quoteReplacement(value(match, template, values)));
  }

  private static String value(MatchResult match, String template, Map<String, String> values) {
    String value = values.get(match.group(1));
    if (value == null) {
      throw new IllegalStateException("template " + template + " asks for " + match.group());
    }
    return value;
  }

  private static InputStream open(String template) throws FileNotFoundException {
    InputStream in = ProjectFiles.class.getResourceAsStream(template);
    if (in == null) {
      throw new FileNotFoundException("hydra's command line lacks its template " + template);
    }
    return in;
  }

  /** A class that is called as one that a file imports would be hidden by it there. */
  private static void checkImports(PluginProject project, Map<String, String> texts) {
    for (String text : texts.values()) {
      Matcher imported = IMPORT.matcher(text);
      while (imported.find()) {
        String name = imported.group(2);
        if (texts.keySet().stream().anyMatch(path -> path.endsWith("/" + name + ".java"))) {
          throw new UsageException(
              "the type \"%s\" cannot be used: its class %s would clash with %s; set another --type"
                  .formatted(project.type(), name, imported.group(1)));
        }
      }
    }
  }

  private static String xml(String text) {
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
  }

  /**
   * Writes the files into a new folder.
   *
   * @throws FileAlreadyExistsException if the folder is there already
   */
  public void writeTo(Path folder) throws IOException {
    Path parent = folder.toAbsolutePath().getParent();
    if (parent != null) {
      Files.createDirectories(parent);
    }
    Files.createDirectory(folder);
    for (Map.Entry<String, String> each : texts.entrySet()) {
      Path file = folder.resolve(each.getKey());
      Files.createDirectories(file.getParent());
      Files.writeString(file, each.getValue());
    }
  }
}
