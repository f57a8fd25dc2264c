"""`python -m appliance.cli`: how the supervisor starts a part with the very Python it runs on itself."""

from appliance.cli.main import main

main()
