"""SAE J2735: BSM, PSM and others as roadside units and the USDOT ODE write them."""
