package dev.hydra.cli;

import dev.hydra.api.Messages;
import dev.hydra.cli.common.Installation;
import dev.hydra.cli.common.UsageException;
import dev.hydra.cli.scaffold.PluginProject;
import dev.hydra.cli.scaffold.ProjectFiles;
import dev.hydra.composer.model.Components;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Writes the project of a new plugin. */
@Command(
    name = "new",
    description = {
      "Writes a Maven project for a plugin: a small component that works, its tests with the"
          + " conformance kit, and a model that uses it.",
      "It builds against this installation; Maven Central serves the rest."
    },
    mixinStandardHelpOptions = true)
@SuppressWarnings("NullAway.Init") // fields are set by picocli
final class NewCommand implements Callable<Integer> {
  private final Components components;

  @Spec private CommandSpec spec;

  @Parameters(
      paramLabel = "NAME",
      description = "What the project is called, such as my-mixer: its artifactId and folder.")
  private String name;

  @Option(
      names = "--role",
      required = true,
      paramLabel = "ROLE",
      description = "What the component is in a model: mixer, ffn, memory or router.")
  private String role;

  @Option(
      names = "--type",
      paramLabel = "TYPE",
      description = "The name that configurations use (default: NAME).")
  private Optional<String> type = Optional.empty();

  @Option(
      names = "--package",
      paramLabel = "PACKAGE",
      description = "The Java package (default: com.example and NAME without hyphens).")
  private Optional<String> packageName = Optional.empty();

  @Option(
      names = "--out",
      paramLabel = "DIR",
      description = "The folder to write, which must not be there yet (default: NAME).")
  private Optional<Path> out = Optional.empty();

  NewCommand(Components components) {
    this.components = components;
  }

  @Override
  public Integer call() throws IOException {
    PluginProject project = PluginProject.of(name, role, type, packageName);
    checkTypeIsFree(project.type());
    Path folder = out.orElse(Path.of(name));
    if (Files.exists(folder, LinkOption.NOFOLLOW_LINKS)) {
      throw new UsageException(folder + " is there already; set --out to another folder");
    }
    ProjectFiles.of(project, home().toString()).writeTo(folder);
    spec.commandLine()
        .getOut()
        .printf(
            """
            wrote %s, a %s of type %s in package %s
            next:
              cd %s
              mvn verify
              hydra plugins verify target/%s-1.0.0.jar
            README.md there says how to use it in a model
            """,
            folder,
            project.roleInWords(),
            project.type(),
            project.packageName(),
            Messages.argument(folder),
            project.artifact())
        .flush();
    return 0;
  }

  /** Configurations that name a type which two plugins offer are refused. */
  private void checkTypeIsFree(String wanted) {
    components.all().stream()
        .filter(each -> each.type().equals(wanted))
        .findFirst()
        .ifPresent(
            each -> {
              throw new UsageException(
                  "%s offers a component of type %s already; set --type to another name"
                      .formatted(each.plugin(), wanted));
            });
  }

  private static Path home() {
    Path home =
        Installation.home()
            .orElseThrow(
                () ->
                    new UsageException(
                        "hydra plugins new needs the start script bin/hydra: the project builds"
                            + " against the installation that it belongs to"))
            .toAbsolutePath();
    if (!Files.isDirectory(home.resolve("maven"))) {
      throw new UsageException(
          home + " lacks its folder maven, against which plugins are built; unpack Hydra anew");
    }
    return home;
  }
}
